"""Errors as answers: the only place where an exception becomes a status and a body."""

import logging

from hx_gateway.core.errors import (
    BudgetExceeded,
    GatewayError,
    MethodNotAllowed,
    Overspent,
    Unauthenticated,
)
from hx_gateway.core.http import JSON_TYPE, Header, Response
from hx_gateway.dialects.registry import WAYS_IN

_log = logging.getLogger(__name__)


def error_response(error: GatewayError, request_id: str, dialect: str = "openai_chat") -> Response:
    """Write an error in the client's own format, with the headers its status asks for."""
    body = WAYS_IN[dialect].error(error, request_id)
    named = (b"x-litellm-call-id", request_id.encode())
    return Response(error.http_status, body, [JSON_TYPE, named, *_headers(error)])


def internal_error(error: BaseException, request_id: str, dialect: str) -> Response:
    """Answer for what should not have happened: the client gets an id, the log gets the rest."""
    _log.error("request %s failed", request_id, exc_info=error)
    return error_response(
        GatewayError(f"Internal error; the log knows it as {request_id}."), request_id, dialect
    )


def _headers(error: GatewayError) -> list[Header]:
    headers: list[Header] = []
    if error.retry_after_s is not None:
        headers.append((b"retry-after", str(max(1, round(error.retry_after_s))).encode()))
    if isinstance(error, Unauthenticated | BudgetExceeded | Overspent):
        # For agents and SDKs that try again after any 401 or 429, for minutes.
        headers.append((b"x-should-retry", b"false"))
    if isinstance(error, Unauthenticated):
        headers.append((b"www-authenticate", b"Bearer"))
    if isinstance(error, MethodNotAllowed):
        headers.append((b"allow", ", ".join(error.allow).encode()))
    return headers
