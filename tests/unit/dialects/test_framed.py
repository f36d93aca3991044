import pytest

from hx_gateway.core.errors import Interrupted
from hx_gateway.core.usage import Usage
from hx_gateway.dialects.framed import MAX_FRAMES, FramedRelay, _is_all_json


class Watching:
    """A watcher that counts what it is shown: `!` marks an event that is not plain."""

    text_mark = b'"t":"'

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.complete = False
        self.over = False
        self.asked = 0
        self.seen: list[bytes] = []

    def is_plain(self, whole: bytes) -> bool:
        self.asked += 1
        return b"!" not in whole

    def passes(self, event: bytes, data: bytes) -> bool:
        self.seen.append(data)
        self.complete = b"end" in data
        self.over = b"over" in data
        return b"keep" not in data

    def end(self) -> bytes:
        return b"rest"


def event(text: str, pad: str = "") -> bytes:
    return f'data: {{"t":"{text}","pad":"{pad}"}}\n\n'.encode()


def test_events_of_one_frame_are_not_even_searched() -> None:
    watcher = Watching()
    relay = FramedRelay(watcher)
    for text in ("a", "b", "c", "d!"):
        assert relay.feed(event(text)) == event(text)
    assert (watcher.asked, len(watcher.seen)) == (1, 1)


@pytest.mark.parametrize("text", ['q\\"uote', '","x":"!'])
def test_a_quote_in_the_text_is_always_searched(text: str) -> None:
    watcher = Watching()
    relay = FramedRelay(watcher)
    for piece in ("a", "b"):
        relay.feed(event(piece))
    asked = watcher.asked
    relay.feed(event(text))
    assert watcher.asked == asked + 1


def test_frames_that_never_repeat_are_given_up_on() -> None:
    watcher = Watching()
    relay = FramedRelay(watcher)
    for pad in map(str, range(MAX_FRAMES + 5)):
        assert relay.feed(event("a", pad)) == event("a", pad)
    assert watcher.asked == MAX_FRAMES + 4


def test_what_the_watcher_keeps_back_does_not_pass() -> None:
    relay = FramedRelay(Watching())
    relay.feed(event("a"))
    assert relay.feed(event("keep!") + event("b!")) == event("b!")


def test_the_end_is_the_watchers_when_complete_and_a_fault_otherwise() -> None:
    relay = FramedRelay(Watching())
    relay.feed(event("a"))
    with pytest.raises(Interrupted):
        relay.end()
    relay.feed(event("end!"))
    assert relay.end() == b"rest"


@pytest.mark.parametrize(
    ("events", "are_seen"),
    [
        (event("a") + event("b") + event("c"), False),
        (event("ä"), False),
        (event("a") + b": comment\n\n" + event("b"), True),
        (event("a") + b"data:" + event("b")[6:], True),
        (b"data: 1\n\n" + event("a"), True),
        (event("a") + event("b\xe4").decode().encode("latin-1"), True),
        (b'data: {"t":"x\n\ndata: {y"}\n\n', True),
        (b'data: {"t":[{}\n\ndata: {}]}\n\n', True),
    ],
)
def test_events_that_come_together_are_judged_at_one_look(events: bytes, are_seen: bool) -> None:
    assert _is_all_json(events) is not are_seen


@pytest.mark.parametrize("empty", [b"data\n\n", b"data:\n\n", b"data\nx: y\n\n"])
def test_an_event_without_data_does_not_go_on(empty: bytes) -> None:
    """The SDKs read its nothing as JSON, and raised in the middle of a proper answer."""
    relay = FramedRelay(Watching())
    assert relay.feed(event("a!") + b": comment\n\n" + empty + event("b!")) == (
        event("a!") + b": comment\n\n" + event("b!")
    )
    assert relay.feed(empty) == b""
    assert relay.feed(event("c") + empty + event("d")) == event("c") + event("d")


@pytest.mark.parametrize("rest", [b"data: {garbage\n\n", event("more"), event("more!")])
def test_nothing_counts_after_the_end_mark(rest: bytes) -> None:
    relay = FramedRelay(Watching())
    for sent in (event("a"), event("b"), event("end over!", "of another frame")):
        assert relay.feed(sent) == sent
    assert relay.over
    assert relay.feed(rest) == b""
    assert relay.end() == b"rest"


def test_an_end_mark_behind_the_end_goes_on_once() -> None:
    """Formats without one get one from some servers, and some clients take it for the end."""
    done = b"data: [DONE]\n\n"
    relay = FramedRelay(Watching())
    last = event("end over!")
    assert relay.feed(last + done + done) == last + done
    assert relay.feed(done) == b""
    assert relay.end() == b"rest"
