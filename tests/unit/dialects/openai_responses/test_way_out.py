from msgspec import Raw
from tests.support.calls import ask, call, plain

from hx_gateway.core.errors import Overloaded
from hx_gateway.core.usage import Usage
from hx_gateway.dialects import openai_chat
from hx_gateway.dialects.openai_responses import WAY_OUT


def test_adapting_changes_the_model_and_names_no_earlier_answer() -> None:
    fields = dict(call({"input": "Hi", "store": True}, "x").fields)
    earlier = {**fields, "previous_response_id": Raw(b'"resp_1"')}
    for stream in (True, False):
        for given in (fields, earlier):
            adapted = WAY_OUT.adapt(given, "upstream", stream=stream)
            assert adapted == {**fields, "model": Raw(b'"upstream"')}


def test_a_chat_is_translated() -> None:
    question = openai_chat.WAY_IN.read(ask("Hi", verbosity="low"))
    assert plain(WAY_OUT.encode(question, "m", stream=False)) == {
        "store": False,
        "model": "m",
        "input": [{"type": "message", "role": "user", "content": "Hi"}],
        "text": {"verbosity": "low"},
    }


def test_the_rest_of_the_port_is_there() -> None:
    answer = b'{"output":[],"usage":{"input_tokens":1}}'
    assert WAY_OUT.usage(answer) == Usage(input=1)
    assert WAY_OUT.decode(answer)
    assert WAY_OUT.decoder().feed(b"") == []
    assert WAY_OUT.relay(wants_usage=False).feed(b"") == b""
    assert type(WAY_OUT.fault(503, {}, b"")) is Overloaded
