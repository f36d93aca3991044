"""Small answers: JSON with the header that says so."""

from hx_gateway.core import wire
from hx_gateway.core.http import JSON_TYPE, Header, Response


def json_response(
    value: object, *, status: int = 200, headers: tuple[Header, ...] = ()
) -> Response:
    """Answer with a value as JSON; structs are encoded by their fields."""
    return Response(status, wire.encode(value), [JSON_TYPE, *headers])
