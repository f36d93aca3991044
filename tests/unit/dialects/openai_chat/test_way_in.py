from tests.support.calls import ask

from hx_gateway.core.errors import RateLimited
from hx_gateway.core.event import Finish, Finished, TextDelta
from hx_gateway.dialects.openai_chat import WAY_IN


def test_the_way_in_reads_and_writes_its_own_format() -> None:
    call = ask("Hi")
    assert WAY_IN.read(call).messages[0].parts[0].text == "Hi"  # type: ignore[union-attr]
    assert b'"content":"a"' in WAY_IN.render([TextDelta(text="a")], call)
    assert b'"content":"a"' in WAY_IN.writer(call).write([TextDelta(text="a")])
    assert WAY_IN.writer(call).write([Finished(reason=Finish.STOP)])


def test_errors_are_written_in_it_too() -> None:
    error = RateLimited("Too fast.")
    assert b"rate_limit_exceeded" in WAY_IN.error(error, "req-1")
    assert WAY_IN.stream_error(error, "req-1").startswith(b"data: {")
