"""Read a `Response` of a local model."""

from typing import Any

import msgspec

from hx_gateway.core.http import Response


def whole(response: Response) -> Any:
    """The answer as plain values."""
    assert response.chunks is None
    return msgspec.json.decode(response.body)


async def events(response: Response) -> list[Any]:
    """The events of a stream, `[DONE]` as text."""
    assert response.chunks is not None
    body = b"".join([piece async for piece in response.chunks])
    await response.chunks.aclose()
    lines = [line.removeprefix("data: ") for line in body.decode().split("\n\n") if line]
    return [line if line == "[DONE]" else msgspec.json.decode(line) for line in lines]
