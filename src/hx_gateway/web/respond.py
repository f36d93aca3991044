"""Small answers: JSON and text with the headers every answer carries."""

from hx_gateway.core import wire
from hx_gateway.core.http import JSON_TYPE, Header, Response


def json_response(
    value: object, *, status: int = 200, headers: tuple[Header, ...] = ()
) -> Response:
    """Answer with a value as JSON; structs are encoded by their fields."""
    return Response(status, wire.encode(value), [JSON_TYPE, *headers])


def text_response(text: str, *, status: int = 200, media_type: str = "text/plain") -> Response:
    """Answer with text, UTF-8."""
    kind = f"{media_type}; charset=utf-8".encode()
    return Response(status, text.encode(), [(b"content-type", kind)])
