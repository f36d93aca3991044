from tests.support.calls import call

from hx_gateway.core import wire
from hx_gateway.core.errors import RateLimited
from hx_gateway.core.event import TextDelta
from hx_gateway.dialects.openai_responses import WAY_IN


def test_the_way_in_reads_and_writes_its_own_format() -> None:
    asked = call({"input": "Hi"}, "openai_responses")
    assert WAY_IN.read(asked).messages
    assert b'"text":"a"' in WAY_IN.render([TextDelta(text="a")], asked)
    assert b'"delta":"a"' in WAY_IN.writer(asked).write([TextDelta(text="a")])


def test_errors_are_written_in_it_too() -> None:
    error = RateLimited("Too fast.", param="x")
    assert b'"rate_limit_error"' in WAY_IN.error(error, "req-1")
    event = WAY_IN.stream_error(error, "req-1")
    assert wire.decode_any(event.removeprefix(b"event: error\ndata: ")) == {
        "type": "error",
        "sequence_number": 0,
        "code": "rate_limit_exceeded",
        "message": "Too fast.",
        "param": "x",
    }
