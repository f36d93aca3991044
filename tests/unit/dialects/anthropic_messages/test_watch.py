import pytest

from hx_gateway.core.errors import Garbled, Interrupted, Overloaded
from hx_gateway.core.usage import Usage
from hx_gateway.dialects.anthropic_messages.watch import MessageWatcher
from hx_gateway.dialects.framed import FramedRelay

PING = b'event: ping\ndata: {"type": "ping"}\n\n'
START = b'event: message_start\ndata: {"type":"message_start","message":{"content":[],"usage":{"input_tokens":3}}}\n\n'
END = b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":4}}\n\n'
STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
ERROR = (
    b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"m"}}\n\n'
)


def text(value: str) -> bytes:
    return (
        'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
        f'"delta":{{"type":"text_delta","text":"{value}"}}}}\n\n'
    ).encode()


def test_bytes_go_through_untouched_and_usage_is_seen() -> None:
    relay = FramedRelay(MessageWatcher())
    stream = [START, PING, text("a"), text("b"), text("c"), END, STOP]
    assert [relay.feed(event) for event in stream] == stream
    assert (relay.usage, relay.complete, relay.end()) == (Usage(input=3, output=4), True, b"")


def test_plain_events_are_not_copied() -> None:
    relay = FramedRelay(MessageWatcher())
    for event in (START, text("a"), text("b")):
        relay.feed(event)
    event = text("c")
    assert relay.feed(event) is event


@pytest.mark.parametrize("before", [b"", PING])
def test_an_error_at_the_start_can_fall_back(before: bytes) -> None:
    relay = FramedRelay(MessageWatcher())
    with pytest.raises(Overloaded):
        relay.feed(before + ERROR)


def test_an_end_without_message_stop_is_an_interruption() -> None:
    relay = FramedRelay(MessageWatcher())
    relay.feed(START + text("a") + END)
    with pytest.raises(Interrupted):
        relay.end()


@pytest.mark.parametrize("before", [b"", START, START + text("a")])
def test_an_end_mark_without_a_reason_is_held_back(before: bytes) -> None:
    """Symptom elsewhere: an answer that was cut, and `message_stop` after it, looked whole."""
    relay = FramedRelay(MessageWatcher())
    assert relay.feed(before + STOP) == before
    with pytest.raises(Interrupted if before else Garbled):
        relay.end()


def test_what_a_model_says_cannot_fake_a_mark() -> None:
    relay = FramedRelay(MessageWatcher())
    relay.feed(START)
    relay.feed(text('\\"message_stop\\" event: error'))
    assert not relay.complete
