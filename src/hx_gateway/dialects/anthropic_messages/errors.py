"""Errors as Messages writes them: `{"type": "error", "error": {"type", "message"}}`, both ways.

Format: https://docs.anthropic.com/en/api/errors
"""

from collections.abc import Mapping

import msgspec

from hx_gateway.core import wire
from hx_gateway.core.errors import ContextWindowExceeded, GatewayError, UpstreamError
from hx_gateway.core.wire import NOT_JSON
from hx_gateway.dialects.fault import Complaint, fault_of, retry_after, text_of

_STATUSES = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
_TOO_LONG = "prompt is too long"
_TYPES = {status: name for name, status in _STATUSES.items()} | {503: "overloaded_error"}


class _Error(msgspec.Struct):
    type: str = "api_error"
    message: str | None = None


class _ErrorBody(msgspec.Struct):
    error: _Error


_BODY = msgspec.json.Decoder(_ErrorBody)


def envelope(error: GatewayError, request_id: str) -> bytes:
    """Write an error body; the type follows from the status, as clients expect it."""
    usual = "invalid_request_error" if error.http_status < 500 else "api_error"
    inner = {"type": _TYPES.get(error.http_status, usual), "message": _message(error)}
    return wire.encode({"type": "error", "error": inner, "request_id": request_id})


def _message(error: GatewayError) -> str:
    """Give the text; clients of this format make room when it begins with its vendor's words."""
    if not isinstance(error, ContextWindowExceeded) or error.message.startswith(_TOO_LONG):
        return error.message
    return f"{_TOO_LONG}: {error.message}"


def stream_envelope(error: GatewayError, request_id: str) -> bytes:
    """Write the event that ends a broken stream; no `message_stop` follows."""
    return b"event: error\ndata: " + envelope(error, request_id) + b"\n\n"


def fault(status: int, headers: Mapping[bytes, bytes], body: bytes) -> UpstreamError:
    """Read an error answer."""
    error = _read(body)
    return fault_of(
        Complaint(
            status=status,
            message=error.message,
            type=error.type,
            retry_after_s=retry_after(headers),
        )
    )


def find_fault(body: bytes) -> UpstreamError | None:
    """Read an error that came as if it were an answer; None when it is none."""
    try:
        _BODY.decode(body)
    except NOT_JSON:
        return None
    return stream_fault(body)


def stream_fault(body: bytes) -> UpstreamError:
    """Read an error inside a stream: its type stands for a status."""
    error = _read(body)
    status = _STATUSES.get(error.type, 500)
    return fault_of(Complaint(status=status, message=error.message, type=error.type))


def _read(body: bytes) -> _Error:
    try:
        return _BODY.decode(body).error
    except NOT_JSON:
        return _Error(message=text_of(body))
