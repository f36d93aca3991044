import pytest

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
from hx_gateway.dialects.fault import Complaint, fault_of, retry_after

DATE = b"Wed, 21 Oct 2015 07:28:00 GMT"


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, None, Rejected),
        (400, "context_length_exceeded", ContextWindowExceeded),
        (400, "content_policy_violation", ContentRefused),
        (400, "content_filter", ContentRefused),
        (400, "invalid_encrypted_content", NotItsOwn),
        (401, None, CredentialRefused),
        (402, None, CredentialRefused),
        (403, None, CredentialRefused),
        (404, None, ModelMissing),
        (408, None, Overloaded),
        (409, None, Overloaded),
        (413, None, Rejected),
        (422, None, Rejected),
        (429, None, Overloaded),
        (429, "context_length_exceeded", Overloaded),
        (500, None, Overloaded),
        (529, None, Overloaded),
    ],
)
def test_status_and_code_decide(status: int, code: str | None, kind: type[UpstreamError]) -> None:
    fault = fault_of(Complaint(status=status, code=code, message="context length exceeded"))
    assert type(fault) is kind
    assert fault.upstream_status == status


@pytest.mark.parametrize(
    ("message", "type_", "kind"),
    [
        ("prompt is too long: 208310 tokens > 200000 maximum", None, ContextWindowExceeded),
        (
            "input length and `max_tokens` exceed context limit: 1 + 2 > 2, decrease",
            None,
            ContextWindowExceeded,
        ),
        ("This model's maximum context length is 4096 tokens.", None, ContextWindowExceeded),
        ("request (9 tokens) exceeds", "exceed_context_size_error", ContextWindowExceeded),
        ("Output blocked by content filtering policy", None, ContentRefused),
        ("messages.0: the text 'prompt is too long' is bad", None, Rejected),
    ],
)
def test_a_vendor_without_a_code_is_known_by_its_own_words(
    message: str, type_: str | None, kind: type[UpstreamError]
) -> None:
    fault = fault_of(Complaint(status=400, message=message, type=type_))
    assert type(fault) is kind
    assert fault.message == message


def test_text_of_a_4xx_is_kept_whole_and_its_status_too() -> None:
    fault = fault_of(Complaint(status=422, message="no", code="odd", param="p", type="t"))
    assert (fault.message, fault.http_status, fault.error_code) == ("no", 422, "odd")
    assert (fault.param, fault.error_type) == ("p", "t")


def test_a_providers_limit_stays_a_429_with_its_waiting_time() -> None:
    fault = fault_of(Complaint(status=429, message="org-7 is out of tokens", retry_after_s=7.0))
    assert (fault.http_status, fault.error_type) == (429, "rate_limit_error")
    assert (fault.error_code, fault.retry_after_s) == ("upstream_rate_limited", 7.0)


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
def test_other_texts_never_reach_a_client(status: int) -> None:
    assert "db-7" not in fault_of(Complaint(status=status, message="host db-7")).message


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({b"retry-after": b"7"}, 7.0),
        ({b"retry-after-ms": b"250", b"retry-after": b"7"}, 0.25),
        ({b"retry-after": DATE, b"date": b"Wed, 21 Oct 2015 07:27:00 GMT"}, 60.0),
        ({b"retry-after": DATE, b"date": b"Wed, 21 Oct 2015 07:29:00 GMT"}, 0.0),
        ({b"retry-after": DATE}, None),
        ({b"retry-after": b"soon"}, None),
        ({b"retry-after": b"-1"}, None),
        ({b"retry-after": b"nan"}, None),
        ({b"retry-after": b"inf"}, None),
    ],
)
def test_waiting_time_is_read(headers: dict[bytes, bytes], seconds: float | None) -> None:
    assert retry_after(headers) == seconds
