import pytest

from hx_gateway.core import wire
from hx_gateway.core.errors import (
    ContextWindowExceeded,
    InvalidRequest,
    Overloaded,
    Rejected,
    UpstreamError,
)
from hx_gateway.dialects.openai_errors import envelope, fault, stream_envelope, stream_fault


def test_the_envelope_is_the_one_every_sdk_knows() -> None:
    error = InvalidRequest("No.", param="stop", code="bad")
    assert wire.decode_any(envelope(error, "req-1"))["error"] == {
        "message": "No.",
        "type": "invalid_request_error",
        "param": "stop",
        "code": "bad",
        "request_id": "req-1",
    }


def test_a_broken_stream_ends_without_an_end_mark() -> None:
    event = stream_envelope(Overloaded("Busy."), "req-1")
    assert event.startswith(b'data: {"error":')
    assert b"[DONE]" not in event


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error":{"message":"No.","code":7}}', "No."),
        (b'{"error":"No."}', "No."),
        (b'{"message":"No."}', "No."),
        (b'{"detail":"No."}', "No."),
        (b"<html>", "The upstream refused the request."),
        (b"\xff", "The upstream refused the request."),
        (b"No.\n", "No."),
        (b'{"error":[1]}', '{"error":[1]}'),
        (b'{"detail":[{"loc":["body","n"]}]}', '{"detail":[{"loc":["body","n"]}]}'),
        (b"{}", "The upstream refused the request."),
        (b"", "The upstream refused the request."),
        (b"a\0b", "The upstream refused the request."),
        (b"x" * 8193, "The upstream refused the request."),
    ],
)
def test_error_bodies_of_every_shape_are_read(body: bytes, message: str) -> None:
    assert fault(400, {}, body).message == message


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"error":{"message":"x","type":"server_error"}}', Overloaded),
        (b'{"error":{"message":"x","code":429}}', Overloaded),
        (b'{"error":{"message":"x","code":"400"}}', Rejected),
        (b'{"error":{"message":"x","type":"invalid_request_error"}}', Rejected),
        (
            b'{"error":{"type":"invalid_request_error","code":"context_length_exceeded"}}',
            ContextWindowExceeded,
        ),
        (b'{"error":"x"}', Overloaded),
    ],
)
def test_errors_inside_a_stream_are_judged_by_code_and_type(
    body: bytes, kind: type[UpstreamError]
) -> None:
    assert type(stream_fault(body)) is kind
