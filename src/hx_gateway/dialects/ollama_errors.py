"""Errors as Ollama writes them: `{"error": "text"}`, inside a stream perhaps with a `status`.

Format: https://github.com/ollama/ollama/blob/main/docs/api/errors.mdx
"""

from collections.abc import Mapping

import msgspec

from hx_gateway.core.errors import UpstreamError
from hx_gateway.core.wire import NOT_JSON
from hx_gateway.dialects.fault import Complaint, fault_of, retry_after, text_of


class _Error(msgspec.Struct):
    error: str | None = None


_TOO_LONG = "the input length exceeds the context length"
_ERROR = msgspec.json.Decoder(_Error)


def fault(status: int, headers: Mapping[bytes, bytes], body: bytes) -> UpstreamError:
    """Read an error answer."""
    try:
        message = _ERROR.decode(body).error
    except NOT_JSON:
        message = text_of(body)
    # There are no codes, so this one text, a constant of `llm/llama_server.go`, stands for one.
    code = "context_length_exceeded" if message == _TOO_LONG else None
    return fault_of(
        Complaint(status=status, message=message, code=code, retry_after_s=retry_after(headers))
    )


def stream_fault(message: str, status: int | None) -> UpstreamError:
    """Read an error inside a stream; without a status the runner failed."""
    return fault_of(Complaint(status=status or 500, message=message))
