import pytest
from tests.support.calls import ask, drained, said, tool_calls

from hx_gateway.core import wire
from hx_gateway.core.event import (
    Event,
    Finish,
    Finished,
    RefusalDelta,
    Started,
    TextDelta,
    ThinkingDelta,
    ToolDelta,
    ToolStarted,
    Used,
)
from hx_gateway.core.usage import Usage
from hx_gateway.dialects.anthropic_messages.decode import MessageDecoder
from hx_gateway.dialects.anthropic_messages.write import MessageWriter, render_message


def streamed(events: list[Event]) -> bytes:
    writer = MessageWriter(ask())
    return b"".join([*(writer.write([event]) for event in events), writer.end()])


def rendered(events: list[Event]) -> dict[str, object]:
    body: dict[str, object] = wire.decode_any(render_message(events, ask()))
    return body


def test_calls_that_come_in_turns_are_written_one_after_another() -> None:
    events: list[Event] = [
        ToolStarted(index=0, id="a", name="f"),
        ToolDelta(index=0, arguments='{"x":'),
        ToolStarted(index=1, id="b", name="g"),
        ToolDelta(index=1, arguments='{"y":'),
        ToolDelta(index=0, arguments="1}"),
        ToolDelta(index=1, arguments="2}"),
        Finished(reason=Finish.TOOL_USE),
    ]
    written = streamed(events)
    assert tool_calls(drained(MessageDecoder(), written)) == [
        ("a", "f", '{"x":1}'),
        ("b", "g", '{"y":2}'),
    ]
    opened = written.count(b"event: content_block_start")
    assert opened == written.count(b"event: content_block_stop") == 2


def test_waiting_calls_come_before_text_that_follows_them() -> None:
    events: list[Event] = [
        ToolStarted(index=0, id="a", name="f"),
        ToolStarted(index=1, id="b", name="g"),
        ToolDelta(index=1, arguments="{}"),
        TextDelta(text="after"),
    ]
    read = drained(MessageDecoder(), streamed(events))
    assert tool_calls(read) == [("a", "f", "{}"), ("b", "g", "{}")]
    assert said(read) == "after"


def test_nothing_is_written_before_there_is_content() -> None:
    writer = MessageWriter(ask())
    start: list[Event] = [Started(id="msg_1", model="m"), Used(usage=Usage(input=3))]
    assert writer.write(start) == b""
    begun = writer.write([TextDelta(text="a")])
    assert begun.startswith(b"event: message_start")
    assert b'"input_tokens":3' in begun
    assert b'"id":"msg_1"' in begun


def test_an_empty_answer_is_still_a_whole_stream() -> None:
    written = streamed([Finished(reason=Finish.STOP)])
    names = [line for line in written.splitlines() if line.startswith(b"event")]
    assert names == [b"event: message_start", b"event: message_delta", b"event: message_stop"]


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        ([Finished(reason=Finish.LENGTH)], "max_tokens"),
        ([Finished(reason=Finish.CONTENT_FILTER)], "refusal"),
        ([RefusalDelta(text="no"), Finished(reason=Finish.STOP)], "refusal"),
        ([Finished(reason=Finish.STOP_SEQUENCE, stop_sequence="x")], "stop_sequence"),
        ([], "end_turn"),
    ],
)
def test_stop_reasons(events: list[Event], reason: str) -> None:
    assert rendered(events)["stop_reason"] == reason
    assert f'"stop_reason":"{reason}"'.encode() in streamed(events)


def test_input_tokens_leave_out_what_the_cache_served() -> None:
    used = Used(usage=Usage(input=100, output=5, cached_read=70, cached_write=20))
    assert rendered([used])["usage"] == {
        "input_tokens": 10,
        "cache_creation_input_tokens": 20,
        "cache_read_input_tokens": 70,
        "output_tokens": 5,
    }


def test_only_the_first_choice_is_written() -> None:
    events: list[Event] = [TextDelta(text="a"), TextDelta(text="b", choice=1)]
    assert rendered(events)["content"] == [{"type": "text", "text": "a"}]
    assert said(drained(MessageDecoder(), streamed(events))) == "a"


def test_thinking_blocks_end_with_their_seal() -> None:
    events: list[Event] = [
        ThinkingDelta(text="a"),
        ThinkingDelta(signature="s"),
        ThinkingDelta(text="b"),
        ThinkingDelta(redacted="r"),
        TextDelta(text="c"),
    ]
    blocks = [
        {"type": "thinking", "signature": "s", "thinking": "a"},
        {"type": "thinking", "signature": "", "thinking": "b"},
        {"type": "redacted_thinking", "data": "r"},
        {"type": "text", "text": "c"},
    ]
    assert rendered(events)["content"] == blocks
    assert streamed(events).count(b"content_block_stop\ndata") == len(blocks)


def test_a_models_broken_arguments_do_not_break_the_answer() -> None:
    events: list[Event] = [
        ToolStarted(index=0, id="a", name="f"),
        ToolDelta(index=0, arguments='{"x'),
    ]
    assert rendered(events)["content"] == [
        {"type": "tool_use", "id": "a", "name": "f", "input": {"arguments": '{"x'}}
    ]


def test_a_seal_without_a_thought_is_a_block_of_its_own() -> None:
    """A vendor may sign reasoning that it does not show: a whole answer was an internal error."""
    sealed = {"type": "thinking", "thinking": "", "signature": "s"}
    assert rendered([ThinkingDelta(signature="s")])["content"] == [sealed]
    text: Event = TextDelta(text="a")
    assert rendered([text, ThinkingDelta(signature="s")])["content"] == [
        {"type": "text", "text": "a"},
        sealed,
    ]
