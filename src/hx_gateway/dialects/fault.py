"""What an upstream's error answer means: by its status and error code.

Where a vendor has no code for a prompt that is too long, its sentence is known by its beginning. No
client writes the beginning of an error, so nobody can choose what is made of theirs.
"""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime

import msgspec

from hx_gateway.core.errors import (
    ContentRefused,
    ContextWindowExceeded,
    CredentialRefused,
    ModelMissing,
    NotItsOwn,
    Overloaded,
    Rejected,
    UpstreamError,
)

_CONTEXT_CODES = frozenset({"context_length_exceeded", "string_above_max_length"})
_CONTEXT_TYPES = frozenset({"exceed_context_size_error"})  # llama.cpp
_CONTEXT_STARTS = (
    "prompt is too long",  # Anthropic
    "input length and `max_tokens` exceed context limit",  # the same
    "This model's maximum context length is",  # OpenAI's older words, vLLM, SGLang
    "the request exceeds the available context size",  # llama.cpp, before it had a type
)
_CONTENT_STARTS = ("Output blocked by content filtering policy",)  # Anthropic
_CONTENT_CODES = frozenset(
    {"content_policy_violation", "content_filter", "ResponsibleAIPolicyViolation"}
)
# What it encrypted for a client, an account reads again, and no other one can.
_OWNED_CODES = frozenset({"invalid_encrypted_content"})
_MAX_TEXT = 8 * 1024
_SAYS_NOTHING = ("{}", "[]", "null", '""')
_BUSY_STATUSES = frozenset({408, 409, 425, 429})


class Complaint(msgspec.Struct, frozen=True, kw_only=True):
    """What an error answer says, in no vendor's words. `message` may go to a client for a 4xx."""

    status: int
    message: str | None = None
    code: str | None = None
    type: str | None = None
    param: str | None = None
    retry_after_s: float | None = None


def fault_of(said: Complaint) -> UpstreamError:
    """Classify a complaint. The text of a 4xx is kept whole; that of anything else is replaced."""
    status = said.status
    if status in {401, 402, 403}:
        return CredentialRefused(
            "The upstream refused the gateway's credential.", upstream_status=status
        )
    if status == 404:
        return ModelMissing("The upstream does not know the model.", upstream_status=status)
    if status == 429:
        # Clients know what to do with it, and when.
        return Overloaded(
            "The upstream's limit of requests or tokens is reached; try again shortly.",
            upstream_status=status,
            status=status,
            type_="rate_limit_error",
            code="upstream_rate_limited",
            retry_after_s=said.retry_after_s,
        )
    if status in _BUSY_STATUSES or not 400 <= status < 500:
        return Overloaded(
            "The upstream is overloaded or failed; try again shortly.",
            upstream_status=status,
            retry_after_s=said.retry_after_s,
        )
    return _rejected(said)


def _rejected(said: Complaint) -> Rejected:
    message = said.message or ""
    kind = Rejected
    if (
        said.code in _CONTEXT_CODES
        or said.type in _CONTEXT_TYPES
        or message.startswith(_CONTEXT_STARTS)
    ):
        kind = ContextWindowExceeded
    elif said.code in _CONTENT_CODES or message.startswith(_CONTENT_STARTS):
        kind = ContentRefused
    elif said.code in _OWNED_CODES:
        kind = NotItsOwn
    return kind(
        said.message or "The upstream refused the request.",
        upstream_status=said.status,
        status=said.status,
        param=said.param,
        code=said.code if kind is Rejected else None,
        type_=said.type,
    )


def text_of(body: bytes) -> str | None:
    """Get what an error answer in no known shape says; None for web pages and what is no text.

    JSON of another shape is shown as it is: it says more than we could.
    """
    try:
        text = body.decode().strip()
    except UnicodeDecodeError:
        return None
    says_nothing = not text or text in _SAYS_NOTHING or text.startswith("<")
    return None if says_nothing or len(text) > _MAX_TEXT or "\0" in text else text


def retry_after(headers: Mapping[bytes, bytes]) -> float | None:
    """Read how long to wait, in seconds: `retry-after-ms`, or `Retry-After` (RFC 9110 10.2.3).

    A date is measured against the answer's own `Date`, so no clock of ours is needed.
    """
    milliseconds = _number(headers.get(b"retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get(b"retry-after")
    seconds = _number(value)
    if seconds is not None or value is None:
        return seconds
    until, now = _date(value), _date(headers.get(b"date"))
    return None if until is None or now is None else max(until - now, 0.0)


def _number(value: bytes | None) -> float | None:
    try:
        number = float(value) if value is not None else None
    except ValueError:
        return None
    return number if number is not None and 0 <= number < 1e9 else None


def _date(value: bytes | None) -> float | None:
    if value is None:
        return None
    try:
        return parsedate_to_datetime(value.decode("latin-1")).timestamp()
    except (ValueError, OverflowError):
        return None
