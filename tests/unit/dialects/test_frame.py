"""A frame reads what the JSON would have said, or nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hx_gateway.core import wire
from hx_gateway.core.event import Finish, Finished, TextDelta
from hx_gateway.dialects.anthropic_messages import WAY_OUT as MESSAGES
from hx_gateway.dialects.frame import MAX_FRAMES, TextFrame
from hx_gateway.dialects.openai_chat import WAY_OUT as CHAT

HEAD = b'data: {"choices":[{"index":0,"delta":{"content":"'
TAIL = b'"}}]}\n\n'


def learned() -> TextFrame:
    frame = TextFrame(b'"content":"')
    frame.learn(HEAD + b"a" + TAIL, [TextDelta(text="a")])
    return frame


def test_the_text_of_an_event_with_the_same_frame_is_read() -> None:
    assert learned().read(HEAD + "Grüße 👋".encode() + TAIL) == TextDelta(text="Grüße 👋")


@pytest.mark.parametrize(
    "data",
    [
        HEAD + TAIL,
        HEAD + b"a\\nb" + TAIL,
        HEAD + b'a","role":"x' + TAIL,
        HEAD + b"a\xff" + TAIL,
        HEAD + b"a\nb" + TAIL,
        HEAD + b"a" + TAIL[:-1],
        HEAD + b"a" + TAIL + HEAD + b"b" + TAIL,
        HEAD[: len(HEAD) // 2],
        b"",
    ],
)
def test_anything_else_has_to_be_looked_at(data: bytes) -> None:
    assert learned().read(data) is None


def test_the_ends_of_a_frame_may_not_overlap() -> None:
    frame = TextFrame(b'"t":"')
    frame.learn(b'{"t":"ab"}', [TextDelta(text="ab")])
    assert frame.read(b'{"t":"}') is None


@pytest.mark.parametrize(
    ("data", "events"),
    [
        (HEAD + b"a" + TAIL, []),
        (HEAD + b"a" + TAIL, [TextDelta(text="a"), Finished(reason=Finish.STOP)]),
        (HEAD + b"a" + TAIL, [TextDelta(text="a", logprobs=wire.raw({}))]),
        (HEAD + b"a\\tb" + TAIL, [TextDelta(text="a\tb")]),
        (HEAD + b'a\\"b' + TAIL, [TextDelta(text='a"b')]),
        (b'data: {"text":"a"}\n\n', [TextDelta(text="a")]),
    ],
)
def test_only_a_plain_text_is_worth_keeping(data: bytes, events: list[TextDelta]) -> None:
    frame = TextFrame(b'"content":"')
    frame.learn(data, list(events))
    assert frame.read(HEAD + b"b" + TAIL) is None


def test_events_that_differ_every_time_are_given_up() -> None:
    frame = TextFrame(b'"content":"')
    for number in range(MAX_FRAMES + 1):
        data = HEAD + b"a" + TAIL + b"%d" % number
        frame.learn(data, [TextDelta(text="a")])
    assert frame.read(HEAD + b"b" + TAIL + b"%d" % MAX_FRAMES) is None
    assert frame.read(HEAD + b"b" + TAIL + b"%d" % (MAX_FRAMES - 1)) is not None


@given(texts=st.lists(st.text(), max_size=8))
def test_a_stream_says_the_same_with_frames_and_without(texts: list[str]) -> None:
    """One by one the frames are used, all in one piece never."""
    chat = [wire.encode({"choices": [{"index": 1, "delta": {"content": text}}]}) for text in texts]
    messages = [
        wire.encode(
            {
                "type": "content_block_delta",
                "index": 0,
                "delta": {"type": "text_delta", "text": text},
            }
        )
        for text in texts
    ]
    for out, events in ((CHAT, chat), (MESSAGES, messages)):
        written = [b"data: " + event + b"\n\n" for event in events]
        framed, plain = out.decoder(), out.decoder()
        apart = [event for piece in written for event in framed.feed(piece)]
        assert apart == plain.feed(b"".join(written))


def test_a_fragment_teaches_nothing() -> None:
    """Half an event has no frame: the same half alone is no event."""
    decoder = CHAT.decoder()
    whole = HEAD + b"a" + TAIL
    decoder.feed(whole)
    cut = whole.index(b'"content"')
    decoder.feed(whole[:cut])
    decoder.feed(whole[cut:])
    assert decoder.feed(whole[cut:]) == []
