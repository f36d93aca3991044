"""What events cannot say is noticed before an answer without it is kept."""

from typing import Any

import pytest
from tests.support.pipelines import DONE, USED, delta, whole

from hx_gateway.core import wire
from hx_gateway.core.call import Call, Operation
from hx_gateway.core.event import Event
from hx_gateway.dialects import openai_chat
from hx_gateway.pipeline.witness import Witness, can_be_streamed

CALL = Call(id="c", operation=Operation.CHAT, dialect="openai_chat", model="m", fields={})


def shown(*pieces: bytes) -> bool:
    decoder, witness, events = openai_chat.WAY_OUT.decoder(), Witness(), list[Event]()
    for piece in pieces:
        said = decoder.feed(piece)
        witness.see(piece, said)
        events += said
    return witness.is_all_in(openai_chat.WAY_IN.render(events, CALL), CALL)


def chunk(**fields: Any) -> bytes:
    body = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return b"data: " + wire.encode({**body, **fields}) + b"\n\n"


def choice(**fields: Any) -> bytes:
    return chunk(choices=[{"index": 0, "delta": {}, "finish_reason": None, **fields}])


TEXT = [delta("word ") for _ in range(30)]
END = [delta(finish="stop"), USED, DONE]


def test_a_stream_of_text_is_all_in_its_whole() -> None:
    assert shown(b": ping\n\n", *TEXT, *END)


@pytest.mark.parametrize(
    "odd",
    [
        choice(delta={"audio": {"data": "aGVsbG8="}}),
        choice(delta={"annotations": [{"type": "url_citation", "url": "https://a"}]}),
        choice(delta={"images": [{"image_url": {"url": "data:x"}}]}),
        chunk(choices=[], citations=["https://a"]),
        b"data: not JSON of ours\n\n",
    ],
)
@pytest.mark.parametrize("place", [0, 29])
def test_what_no_event_can_say_is_noticed_wherever_it_comes(odd: bytes, place: int) -> None:
    witness = Witness()
    witness.see(odd, [])
    body = whole("word")
    assert not witness.is_all_in(body, CALL)
    if b"not JSON" not in odd:
        assert not shown(*TEXT[:place], odd, *TEXT[place:], *END)


@pytest.mark.parametrize(
    "odd",
    [
        choice(content_filter_results={"hate": {"severity": "safe"}}),
        choice(native_finish_reason="stop"),
        chunk(choices=[], system_fingerprint="fp", provider="x", x_groq={"id": "y"}),
        choice(delta={"role": "assistant", "content": "", "refusal": None}),
    ],
)
def test_what_is_said_about_an_answer_is_not_missed(odd: bytes) -> None:
    assert shown(odd, *TEXT, *END)


def test_a_whole_answer_that_events_can_say_may_be_streamed() -> None:
    events = openai_chat.WAY_OUT.decode(whole("Hello"))
    assert can_be_streamed(whole("Hello"), events, CALL)


def test_a_whole_answer_with_more_may_not() -> None:
    body = wire.decode_any(whole("Hello"))
    body["choices"][0]["message"]["audio"] = {"data": "aGVsbG8=", "transcript": "Hello"}
    data = wire.encode(body)
    assert not can_be_streamed(data, openai_chat.WAY_OUT.decode(data), CALL)


def test_a_body_that_cannot_be_read_again_has_nothing_in_it() -> None:
    assert not Witness().is_all_in(b"not JSON", CALL)
