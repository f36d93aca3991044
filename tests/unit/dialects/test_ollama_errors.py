import pytest

from hx_gateway.core.errors import (
    ContextWindowExceeded,
    ModelMissing,
    Overloaded,
    Rejected,
    UpstreamError,
)
from hx_gateway.dialects.ollama_errors import fault, stream_fault


@pytest.mark.parametrize(
    ("status", "body", "kind", "message"),
    [
        (400, b'{"error":"no tools"}', Rejected, "no tools"),
        (
            400,
            b'{"error":"the input length exceeds the context length"}',
            ContextWindowExceeded,
            "the input length exceeds the context length",
        ),
        (400, b"<html>", Rejected, "The upstream refused the request."),
        (400, b"no JSON", Rejected, "no JSON"),
        (404, b'{"error":"not found"}', ModelMissing, "The upstream does not know the model."),
    ],
)
def test_error_answers(status: int, body: bytes, kind: type[UpstreamError], message: str) -> None:
    error = fault(status, {}, body)
    assert (type(error), error.message) == (kind, message)


def test_an_error_in_a_stream_without_a_status_is_the_servers() -> None:
    assert type(stream_fault("died", None)) is Overloaded
    assert type(stream_fault("bad", 400)) is Rejected
