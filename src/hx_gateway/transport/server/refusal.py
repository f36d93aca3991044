"""The edge's own answers: a request that breaks a rule of the wire, in the OpenAI envelope."""

import secrets

from hx_gateway.core import wire
from hx_gateway.core.errors import RequestError
from hx_gateway.core.http import JSON_TYPE, Header, Request, Response

ID = b"x-request-id"


class Refusal(RequestError):
    """A request that is not let in. The connection is closed after it: framing is in doubt."""

    code = "malformed_request"


def refuse(status: int, code: str, message: str) -> Refusal:
    """Make a refusal; `message` goes to the client as it is."""
    return Refusal(message, status=status, code=code)


def refusal_response(refusal: RequestError, *headers: Header) -> Response:
    """Answer with a refusal; its id is new, because no application has given it one."""
    return error_response(
        refusal.http_status, refusal.error_type, refusal.error_code, refusal.message, *headers
    )


def error_response(
    status: int, type_: str, code: str | None, message: str, *headers: Header
) -> Response:
    """Answer with an error in the OpenAI envelope."""
    body = {"error": {"message": message, "type": type_, "param": None, "code": code}}
    id_ = (ID, secrets.token_hex(16).encode())
    return Response(status, wire.encode(body), [JSON_TYPE, id_, *headers])


def id_of(response: Response) -> bytes:
    """Give the id of such an answer."""
    return dict(response.headers)[ID]


def too_many_connections() -> Response:
    """Answer a client for whom there is no room."""
    message = "There are too many connections; try again shortly."
    retry = (b"retry-after", b"1")
    return error_response(503, "overloaded", "too_many_connections", message, retry)


class Ready:
    """An application whose answer is there already."""

    __slots__ = ("_response",)

    def __init__(self, response: Response) -> None:
        """Keep it."""
        self._response = response

    def check_head(self, _request: Request) -> Response:
        """See `Application`."""
        return self._response

    async def answer(self, _request: Request) -> Response:
        """See `Application`."""
        return self._response
