import pytest
from tests.support.calls import ask, plain

from hx_gateway.core.chat import Embedding
from hx_gateway.core.errors import InvalidRequest, Overloaded
from hx_gateway.core.usage import Usage
from hx_gateway.dialects.ollama_chat import WAY_OUT
from hx_gateway.dialects.openai_chat.read import read_chat

DONE = b'{"model":"m","message":{"content":"a"},"done":true,"prompt_eval_count":3}\n'


@pytest.mark.parametrize("stream", [True, False])
def test_whether_to_stream_is_always_said(stream: bool) -> None:
    assert plain(WAY_OUT.encode(read_chat(ask()), "m", stream=stream))["stream"] is stream
    assert plain(WAY_OUT.adapt({}, "m", stream=stream)) == {"model": "m", "stream": stream}


def test_lines_are_relayed_whole_and_looked_at() -> None:
    relay = WAY_OUT.relay(wants_usage=False)
    assert relay.feed(DONE[:9]) == b""
    assert relay.feed(DONE[9:]) == DONE
    assert relay.end() == b""
    assert (relay.complete, relay.usage) == (True, Usage(input=3))


def test_the_rest_of_the_port_is_there() -> None:
    assert WAY_OUT.usage(DONE) == Usage(input=3)
    assert WAY_OUT.decode(DONE)
    assert WAY_OUT.decoder().feed(b"") == []
    assert type(WAY_OUT.fault(503, {}, b"")) is Overloaded
    with pytest.raises(InvalidRequest):
        WAY_OUT.encode(Embedding(inputs=("a",)), "m", stream=False)
