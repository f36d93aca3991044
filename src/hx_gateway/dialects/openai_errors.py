"""Errors as OpenAI writes them: `{"error": {"message", "type", "param", "code"}}`, both ways.

Format: https://platform.openai.com/docs/guides/error-codes
"""

from collections.abc import Mapping

import msgspec

from hx_gateway.core import wire
from hx_gateway.core.errors import GatewayError, UpstreamError
from hx_gateway.core.wire import NOT_JSON
from hx_gateway.dialects.fault import Complaint, fault_of, retry_after, text_of


class _Error(msgspec.Struct):
    message: str | None = None
    type: str | None = None
    param: str | int | None = None
    code: str | int | None = None


class _ErrorBody(msgspec.Struct):
    error: _Error | str | None = None
    message: str | None = None
    detail: str | None = None


# Codes that blame the request where no status and no type says so (Responses).
_REQUEST_CODES = frozenset(
    {
        "context_length_exceeded",
        "content_filter",
        "content_policy_violation",
        "image_content_policy_violation",
        "invalid_encrypted_content",
        "invalid_prompt",
        "invalid_image",
        "invalid_image_url",
        "image_too_large",
        "image_parse_error",
    }
)
_BODY = msgspec.json.Decoder(_ErrorBody)


def envelope(error: GatewayError, request_id: str) -> bytes:
    """Write an error body; the id lets a report be found in the log."""
    inner = {
        "message": error.message,
        "type": error.error_type,
        "param": error.param,
        "code": error.error_code,
        "request_id": request_id,
    }
    return wire.encode({"error": inner})


def stream_envelope(error: GatewayError, request_id: str) -> bytes:
    """Write the event that ends a broken stream; no `[DONE]` follows."""
    return b"data: " + envelope(error, request_id) + b"\n\n"


def fault(status: int, headers: Mapping[bytes, bytes], body: bytes) -> UpstreamError:
    """Read an error answer; a body in another shape is judged by its status alone."""
    error = _read(body)
    return fault_of(
        Complaint(
            status=status,
            message=error.message,
            code=None if error.code is None else str(error.code),
            type=error.type,
            param=None if error.param is None else str(error.param),
            retry_after_s=retry_after(headers),
        )
    )


def stream_fault(body: bytes) -> UpstreamError:
    """Read an error inside a stream: it has no status, so its code or type stands for one."""
    error = _read(body)
    return fault_of(
        Complaint(
            status=_status_of(error),
            message=error.message,
            code=None if error.code is None else str(error.code),
            type=error.type,
        )
    )


def _status_of(error: _Error) -> int:
    code = str(error.code)
    if code.isdecimal() and 400 <= int(code) < 600:
        return int(code)
    if error.type == "invalid_request_error" or code in _REQUEST_CODES:
        return 400
    return 503


def _read(body: bytes) -> _Error:
    try:
        said = _BODY.decode(body)
    except NOT_JSON:
        return _Error(message=text_of(body))
    if isinstance(said.error, _Error):
        return said.error
    return _Error(message=said.error or said.message or said.detail or text_of(body))
