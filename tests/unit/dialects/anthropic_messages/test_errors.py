import pytest

from hx_gateway.core import wire
from hx_gateway.core.errors import (
    ContextWindowExceeded,
    CredentialRefused,
    Forbidden,
    GatewayError,
    InvalidRequest,
    ModelMissing,
    Overloaded,
    RateLimited,
    Rejected,
    TimedOut,
    TooLarge,
    Unauthenticated,
    UnknownModel,
    Unprocessable,
    UpstreamError,
)
from hx_gateway.dialects.anthropic_messages.errors import (
    envelope,
    fault,
    find_fault,
    stream_envelope,
    stream_fault,
)


@pytest.mark.parametrize(
    ("error", "type_"),
    [
        (InvalidRequest("x"), "invalid_request_error"),
        (Unauthenticated("x"), "authentication_error"),
        (Forbidden("x"), "permission_error"),
        (UnknownModel("x"), "not_found_error"),
        (TooLarge("x"), "request_too_large"),
        (Unprocessable("x"), "invalid_request_error"),
        (RateLimited("x"), "rate_limit_error"),
        (Overloaded("x"), "overloaded_error"),
        (TimedOut("x"), "timeout_error"),
        (GatewayError("x"), "api_error"),
        (CredentialRefused("x"), "api_error"),
    ],
)
def test_the_type_follows_from_the_status(error: GatewayError, type_: str) -> None:
    assert wire.decode_any(envelope(error, "req-1")) == {
        "type": "error",
        "error": {"type": type_, "message": "x"},
        "request_id": "req-1",
    }
    assert stream_envelope(error, "req-1").startswith(b"event: error\ndata: {")


def body(type_: str) -> bytes:
    return wire.encode({"type": "error", "error": {"type": type_, "message": "m"}})


@pytest.mark.parametrize(
    ("status", "type_", "kind"),
    [
        (400, "invalid_request_error", Rejected),
        (401, "authentication_error", CredentialRefused),
        (404, "not_found_error", ModelMissing),
        (413, "request_too_large", Rejected),
        (429, "rate_limit_error", Overloaded),
        (500, "api_error", Overloaded),
        (529, "overloaded_error", Overloaded),
    ],
)
def test_error_answers_and_errors_in_streams_mean_the_same(
    status: int, type_: str, kind: type[UpstreamError]
) -> None:
    assert type(fault(status, {}, body(type_))) is kind
    assert type(stream_fault(body(type_))) is kind


def test_an_error_in_another_shape_is_judged_by_its_status() -> None:
    assert type(fault(503, {}, b"<html>")) is Overloaded
    assert type(stream_fault(b"[]")) is Overloaded


def test_a_prompt_that_is_too_long_is_said_in_the_vendors_words() -> None:
    """Claude Code makes room when a message begins like this, and gives up otherwise."""
    elsewhere = ContextWindowExceeded("This model's maximum context length is 10 tokens.")
    shown = wire.decode_any(envelope(elsewhere, "r"))["error"]["message"]
    assert shown == "prompt is too long: This model's maximum context length is 10 tokens."
    own = ContextWindowExceeded("prompt is too long: 9 tokens > 8 maximum")
    assert wire.decode_any(envelope(own, "r"))["error"]["message"] == own.message


def test_an_error_may_come_as_if_it_were_an_answer() -> None:
    body = b'{"type":"error","error":{"type":"overloaded_error","message":"busy"}}'
    assert type(find_fault(body)) is Overloaded
    assert find_fault(b"{}") is find_fault(b"<html>") is None
