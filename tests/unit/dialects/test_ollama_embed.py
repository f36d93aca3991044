import pytest
from tests.support.calls import call, drained, plain

from hx_gateway.core.chat import Embedding
from hx_gateway.core.errors import Garbled, InvalidRequest, Overloaded
from hx_gateway.core.event import Started, Used, Vector
from hx_gateway.core.usage import Usage
from hx_gateway.dialects import openai_embeddings
from hx_gateway.dialects.ollama_embed import WAY_OUT

BODY = b'{"model":"m","embeddings":[[0.5,1],[0.25,0]],"prompt_eval_count":8}'


def test_the_body_has_the_servers_names() -> None:
    asked = call({"input": "a", "dimensions": 2, "num_ctx": 64, "keep_alive": "5m", "zzz": 1})
    question = openai_embeddings.WAY_IN.read(asked)
    assert plain(WAY_OUT.encode(question, "m", stream=False)) == {
        "model": "m",
        "input": ["a"],
        "dimensions": 2,
        "options": {"num_ctx": 64},
        "keep_alive": "5m",
    }


def test_tokens_are_refused() -> None:
    with pytest.raises(InvalidRequest):
        WAY_OUT.encode(Embedding(inputs=((1, 2),)), "m", stream=False)


def test_vectors_and_usage_are_read() -> None:
    events = [
        Started(id="", model="m"),
        Vector(index=0, values=(0.5, 1.0)),
        Vector(index=1, values=(0.25, 0.0)),
        Used(usage=Usage(input=8)),
    ]
    assert WAY_OUT.expecting(2).decode(BODY) == events
    assert drained(WAY_OUT.decoder(), BODY[:7], BODY[7:]) == events
    assert WAY_OUT.usage(BODY) == Usage(input=8)


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"embeddings":[]}', b'{"embeddings":[[]]}', b'{"embeddings":[["a"]]}']
)
def test_a_missing_or_empty_vector_is_garbled(body: bytes) -> None:
    with pytest.raises(Garbled):
        WAY_OUT.decode(body)


def test_there_must_be_as_many_vectors_as_inputs() -> None:
    with pytest.raises(Garbled):
        WAY_OUT.expecting(1).decode(BODY)


def test_the_rest_of_the_port_is_there() -> None:
    assert plain(WAY_OUT.adapt({}, "m", stream=False)) == {"model": "m"}
    relay = WAY_OUT.relay(wants_usage=False)
    assert relay.feed(BODY + b"\n") == BODY + b"\n"
    relay.end()
    assert relay.usage == Usage(input=8)
    assert type(WAY_OUT.fault(503, {}, b"")) is Overloaded
