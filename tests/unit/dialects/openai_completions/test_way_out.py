import pytest
from tests.support.calls import call, drained, plain, said

from hx_gateway.core.errors import Garbled, Interrupted, Overloaded
from hx_gateway.core.usage import Usage
from hx_gateway.dialects.openai_completions import WAY_IN, WAY_OUT


def test_a_translated_prompt_is_the_text_of_the_messages() -> None:
    question = WAY_IN.read(call({"prompt": "Once", "n": 2, "best_of": 3}, "openai_completions"))
    assert plain(WAY_OUT.encode(question, "m", stream=True)) == {
        "model": "m",
        "prompt": "Once",
        "n": 2,
        "best_of": 3,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


@pytest.mark.parametrize("stream", [True, False])
def test_adapting_changes_the_model_and_asks_for_usage(stream: bool) -> None:
    fields = dict(call({"prompt": [1, 2], "echo": True}, "openai_completions").fields)
    adapted = plain(WAY_OUT.adapt(fields, "m", stream=stream))
    assert adapted.pop("stream_options", None) == ({"include_usage": True} if stream else None)
    assert adapted == {"prompt": [1, 2], "echo": True, "model": "m"}


def test_the_stream_must_end_properly() -> None:
    piece = b'data: {"choices":[{"text":"a"}]}\n\n'
    with pytest.raises(Interrupted):
        drained(WAY_OUT.decoder(), piece)
    with pytest.raises(Garbled):
        drained(WAY_OUT.decoder())
    with pytest.raises(Overloaded):
        drained(WAY_OUT.decoder(), b'data: {"error":"x"}\n\n')
    assert said(drained(WAY_OUT.decoder(), piece, b"data: [DONE]\n\n")) == "a"


@pytest.mark.parametrize("body", [b"", b"{}", b'{"choices":[{"text":1}]}'])
def test_what_is_no_answer_is_garbled(body: bytes) -> None:
    with pytest.raises(Garbled):
        WAY_OUT.decode(body)


def test_relayed_answers_are_counted() -> None:
    assert WAY_OUT.usage(b'{"choices":[{}],"usage":{"prompt_tokens":2}}') == Usage(input=2)
    assert WAY_OUT.relay(wants_usage=False).feed(b"") == b""
    assert type(WAY_OUT.fault(500, {}, b"")) is Overloaded


def test_nothing_counts_after_the_end_mark() -> None:
    decoder = WAY_OUT.decoder()
    piece = b'data: {"choices":[{"text":"a"}]}\n\n'
    assert said(decoder.feed(piece + b"data: [DONE]\n\n" + piece)) == "a"
    assert decoder.over
    assert decoder.feed(piece) == decoder.end() == []


def test_an_end_mark_alone_is_no_answer() -> None:
    with pytest.raises(Garbled):
        drained(WAY_OUT.decoder(), b"data: [DONE]\n\n")
