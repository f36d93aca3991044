import pytest
from msgspec import Raw
from tests.support.calls import ask, plain

from hx_gateway.core.chat import Embedding
from hx_gateway.core.errors import InvalidRequest, Overloaded
from hx_gateway.dialects.openai_chat import WAY_OUT, ChatOut
from hx_gateway.dialects.openai_chat.read import read_chat


def test_adapting_changes_the_model_and_nothing_else() -> None:
    fields = dict(ask(zzz=None, n=1).fields)
    adapted = WAY_OUT.adapt(fields, "upstream", stream=False)
    assert adapted == {**fields, "model": Raw(b'"upstream"')}
    assert list(adapted) == list(fields)


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        (None, {"include_usage": True}),
        ({"include_usage": False}, {"include_usage": True}),
        ({"include_obfuscation": False}, {"include_obfuscation": False, "include_usage": True}),
        ("nonsense", "nonsense"),
    ],
)
def test_a_relayed_stream_asks_for_its_usage(options: object, sent: object) -> None:
    fields = dict(ask(stream_options=options).fields)
    assert plain(WAY_OUT.adapt(fields, "m", stream=True))["stream_options"] == sent


def test_the_limit_has_the_name_the_server_knows() -> None:
    chat = read_chat(ask(max_tokens=5))
    body = ChatOut(max_tokens_field="max_completion_tokens").encode(chat, "m", stream=False)
    assert plain(body)["max_completion_tokens"] == 5
    assert "max_tokens" not in body


def test_an_embedding_is_no_chat() -> None:
    with pytest.raises(InvalidRequest):
        WAY_OUT.encode(Embedding(inputs=("a",)), "m", stream=False)


def test_the_rest_of_the_port_is_there() -> None:
    answer = b'{"choices":[{}],"usage":{"prompt_tokens":1}}'
    assert WAY_OUT.usage(answer) is not None
    assert WAY_OUT.decode(answer)
    assert WAY_OUT.decoder().feed(b"") == []
    assert WAY_OUT.relay(wants_usage=True).feed(b"") == b""
    assert type(WAY_OUT.fault(503, {}, b"")) is Overloaded
