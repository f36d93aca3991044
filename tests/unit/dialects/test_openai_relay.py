import pytest

from hx_gateway.core.errors import Garbled, Interrupted, Overloaded, Rejected
from hx_gateway.core.usage import Usage
from hx_gateway.dialects.framed import FramedRelay
from hx_gateway.dialects.openai_relay import DONE, openai_relay


def text(value: str, *, tail: str = "", reason: str = ',"finish_reason":null') -> bytes:
    inner = f'"delta":{{"content":"{value}"}}{reason}'
    return f'data: {{"id":"c","choices":[{{"index":0,{inner}}}]{tail}}}\n\n'.encode()


STOP = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}\n\n'
USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}\n\n'
ERROR = b'data: {"error":{"message":"m","type":"server_error"}}\n\n'
COMMENT = b": processing\n\n"


def relay(*, wants_usage: bool = True) -> FramedRelay:
    return openai_relay(wants_usage=wants_usage)


def test_bytes_go_through_untouched() -> None:
    stream = [text("a"), text("b"), text('c \\" quoted'), STOP, USAGE, DONE]
    passing = relay()
    assert [passing.feed(event) for event in stream] == stream
    assert passing.end() == b""
    assert passing.usage == Usage(input=3, output=4)


def test_plain_events_are_not_copied() -> None:
    passing = relay()
    passing.feed(text("a"))
    for event in (text("b"), text("c"), text("\\n") + text("e")):
        assert passing.feed(event) is event


def test_the_usage_event_is_dropped_unless_asked_for() -> None:
    passing = relay(wants_usage=False)
    assert passing.feed(text("a") + STOP + USAGE + DONE) == text("a") + STOP + DONE
    assert passing.usage == Usage(input=3, output=4)


def test_usage_beside_text_is_never_dropped() -> None:
    event = text("a", tail=',"usage":{"prompt_tokens":3,"completion_tokens":4}')
    passing = relay(wants_usage=False)
    passing.feed(text("x"))
    assert passing.feed(event) == event
    assert passing.usage == Usage(input=3, output=4)


@pytest.mark.parametrize("space", ["", " ", "  "])
def test_marks_are_seen_however_they_are_spaced(space: str) -> None:
    passing = relay()
    passing.feed(text("a"))
    event = (
        f'data: {{"choices":[{{"delta":{{}},"finish_reason":{space}"stop"}}],'
        f'"usage":{space}{{"prompt_tokens":1}}}}\n\n'
    ).encode()
    assert passing.feed(event) == event
    assert passing.complete
    assert passing.usage == Usage(input=1)


def test_a_stream_is_complete_by_its_finish_reason() -> None:
    passing = relay()
    passing.feed(text("a"))
    passing.feed(STOP)
    assert passing.complete
    assert passing.end() == DONE


def test_an_end_mark_alone_is_an_end_where_reasons_are_never_named() -> None:
    passing = relay()
    passing.feed(text("a", reason=""))
    assert passing.feed(DONE) == DONE
    assert passing.end() == b""


@pytest.mark.parametrize("reason", ["null", '""'])
def test_an_end_mark_without_the_promised_reason_is_held_back(reason: str) -> None:
    """Symptom elsewhere: an answer that was cut, and `[DONE]` after it, looked like a whole one."""
    passing = relay()
    passing.feed(text("a", reason=f',"finish_reason":{reason}'))
    assert passing.feed(DONE) == b""
    with pytest.raises(Interrupted):
        passing.end()


def test_an_end_mark_is_no_beginning() -> None:
    passing = relay()
    assert passing.feed(DONE) == b""
    with pytest.raises(Garbled):
        passing.end()


@pytest.mark.parametrize("broken", ["a\\", "a\xc3", 'a","b'])
@pytest.mark.parametrize("before", [1, 4])
def test_text_that_no_client_could_read_is_a_fault(broken: str, before: int) -> None:
    """Symptom: half a character in a relayed text made the client's SDK fail without an error event."""
    passing = relay()
    for _ in range(before):
        passing.feed(text("x"))
    event = text(broken).replace(b"\xc3\x83", b"\xc3")
    with pytest.raises(Garbled):
        passing.feed(event)


def test_any_character_may_be_relayed() -> None:
    passing = relay()
    for value in ("x", "y", "ß", "👋", "\\u00df", "z"):
        assert passing.feed(text(value)) == text(value)


def test_an_end_without_either_is_an_interruption() -> None:
    passing = relay()
    passing.feed(text("a"))
    with pytest.raises(Interrupted):
        passing.end()


def test_an_end_before_the_beginning_may_be_retried() -> None:
    passing = relay()
    assert passing.feed(COMMENT) == b""
    with pytest.raises(Garbled) as caught:
        passing.end()
    assert caught.value.retryable


@pytest.mark.parametrize("before", [b"", COMMENT, b": a\r\n\r\n"])
def test_an_error_at_the_start_can_fall_back(before: bytes) -> None:
    with pytest.raises(Overloaded):
        relay().feed(before + ERROR)


def test_an_error_later_loses_nothing_that_came_before_it() -> None:
    passing = relay()
    passing.feed(text("a"))
    assert passing.feed(text("b") + ERROR) == text("b")
    with pytest.raises(Overloaded):
        passing.feed(text("c"))
    with pytest.raises(Overloaded):
        passing.end()


def test_an_error_with_a_finish_reason_is_an_error() -> None:
    event = b'data: {"error":{"code":400},"choices":[{"finish_reason":"error"}]}\n\n'
    passing = relay()
    passing.feed(text("a"))
    with pytest.raises(Rejected):
        passing.feed(event)


def test_half_an_event_is_held_back() -> None:
    passing = relay()
    whole = text("a") + text("b")
    assert passing.feed(whole[:-5]) == text("a")
    assert passing.feed(text("b")[-5:]) == text("b")
    assert passing.feed(text("c")[:9]) == b""
    assert passing.feed(text("c")[9:]) == text("c")


def test_a_piece_that_ends_like_an_event_after_half_of_one_is_joined() -> None:
    passing = relay()
    passing.feed(text("a"))
    passing.feed(text("b"))
    half = text("c")
    assert passing.feed(half[:3]) == b""
    assert passing.feed(half[3:] + text("d")) == text("c") + text("d")


def test_garbage_at_the_start_is_garbled() -> None:
    with pytest.raises(Garbled):
        relay().feed(b"data: <html>\n\n")


def test_what_a_model_says_cannot_fake_a_mark() -> None:
    said = text('\\"usage\\":{\\"prompt_tokens\\":9} \\"error\\" \\"finish_reason\\":\\"stop\\"')
    passing = relay()
    assert passing.feed(text("a") + said + said) == text("a") + said + said
    assert passing.usage is None
    assert not passing.complete


@pytest.mark.parametrize("rest", [DONE, text("more"), STOP + DONE])
def test_what_follows_the_end_mark_does_not_go_on(rest: bytes) -> None:
    """Symptom: a client that reads on saw two ends of one answer."""
    passing = relay()
    assert passing.feed(text("a") + STOP + DONE + rest) == text("a") + STOP + DONE
    assert passing.over
    assert passing.feed(rest) == b""
    assert passing.end() == b""


def test_events_without_a_choice_are_no_answer() -> None:
    """Symptom: an upstream that said nothing at all and `[DONE]` looked like success."""
    passing = relay()
    passing.feed(b'data: {"choices":[]}\n\n')
    assert passing.feed(DONE) == b""
    with pytest.raises(Interrupted):
        passing.end()


def test_an_event_may_say_null_for_no_choices() -> None:
    """As servers in Go write an empty list."""
    event = b'data: {"choices":null,"usage":{"prompt_tokens":3}}\n\n'
    passing = relay()
    assert passing.feed(text("a", reason="") + event) == text("a", reason="") + event
    assert passing.usage == Usage(input=3)
    assert passing.feed(text("b", reason="")) == text("b", reason="")
    assert passing.feed(DONE) == DONE
