import pytest
from tests.support.calls import call

from hx_gateway.core.errors import InvalidRequest, RateLimited
from hx_gateway.core.event import TextDelta
from hx_gateway.dialects.anthropic_messages import WAY_IN

BODY: dict[str, object] = {"messages": [{"role": "user", "content": "Hi"}]}


def test_the_limit_must_be_given_except_for_counting() -> None:
    asked = call(BODY, "anthropic_messages")
    with pytest.raises(InvalidRequest) as caught:
        WAY_IN.read(asked)
    assert caught.value.param == "max_tokens"
    assert WAY_IN.read_count(asked).messages


def test_the_way_in_reads_and_writes_its_own_format() -> None:
    asked = call({**BODY, "max_tokens": 1}, "anthropic_messages")
    assert WAY_IN.read(asked).max_tokens == 1
    assert b'"text":"a"' in WAY_IN.render([TextDelta(text="a")], asked)
    assert b'"text":"a"' in WAY_IN.writer(asked).write([TextDelta(text="a")])


def test_errors_are_written_in_it_too() -> None:
    error = RateLimited("Too fast.")
    assert b'"rate_limit_error"' in WAY_IN.error(error, "req-1")
    assert WAY_IN.stream_error(error, "req-1").startswith(b"event: error")
