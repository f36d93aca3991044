"""What an answer says in its headers, ready-made ones included."""

from hx_gateway.core.http import Response


def told(response: Response) -> dict[bytes, bytes]:
    """Give all headers of a response by name."""
    lines = response.lines.split(b"\r\n")[:-1]
    pairs = [line.split(b": ", 1) for line in lines]
    return dict(pairs) | dict(response.headers)
