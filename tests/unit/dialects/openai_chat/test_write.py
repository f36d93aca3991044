import msgspec
import pytest
from tests.support.calls import ask, drained

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
    Vector,
)
from hx_gateway.core.usage import Usage
from hx_gateway.dialects.openai_chat.decode import ChatDecoder, decode_chat
from hx_gateway.dialects.openai_chat.write import ChatWriter, render_chat

ANSWER: list[Event] = [
    Started(id="chatcmpl-9", model="public", created=5),
    ThinkingDelta(text="hm"),
    TextDelta(text='a "quoted"\n'),
    TextDelta(text="b"),
    RefusalDelta(text="no"),
    ToolStarted(index=0, id="c1", name="f"),
    ToolDelta(index=0, arguments='{"a":'),
    ToolDelta(index=0, arguments="1}"),
    ToolStarted(index=1, id="c2", name="g"),
    Finished(reason=Finish.TOOL_USE),
    TextDelta(text="second", choice=1),
    Finished(reason=Finish.LENGTH, choice=1),
    Used(usage=Usage(input=3, output=4)),
]


def test_a_stream_reads_back_as_it_was_written() -> None:
    writer = ChatWriter(msgspec.structs.replace(ask(), wants_usage=True))
    written = writer.write(ANSWER) + writer.end()
    assert drained(ChatDecoder(), written) == ANSWER


def test_usage_is_shown_only_to_who_asked() -> None:
    for wants_usage in (True, False):
        writer = ChatWriter(msgspec.structs.replace(ask(), wants_usage=wants_usage))
        written = writer.write(ANSWER) + writer.end()
        assert (b"prompt_tokens" in written) is wants_usage
        assert written.endswith(b"data: [DONE]\n\n")


def test_the_first_chunk_of_each_choice_names_the_role() -> None:
    lines = ChatWriter(ask()).write(ANSWER).split(b"\n\n")
    roles = [line for line in lines if b'"role":"assistant"' in line]
    assert len(roles) == 2
    assert b'"index":1' in roles[1]


def test_a_whole_answer_reads_back_with_the_same_content() -> None:
    events = decode_chat(render_chat(ANSWER, ask()))
    assert TextDelta(text='a "quoted"\nb') in events
    assert ToolDelta(index=0, arguments='{"a":1}') in events
    assert events[-1] == Used(usage=Usage(input=3, output=4))
    assert Finished(reason=Finish.LENGTH, choice=1) in events


def test_the_public_name_is_shown_and_not_the_upstreams() -> None:
    events: list[Event] = [Started(id="x", model="secret-upstream"), Finished(reason=Finish.STOP)]
    body = wire.decode_any(render_chat(events, ask()))
    assert (body["model"], body["id"], body["created"]) == ("public", "chatcmpl-call-1", 1700000000)


@pytest.mark.parametrize(
    ("event", "block"),
    [
        (
            ThinkingDelta(signature="s"),
            {"type": "thinking", "thinking": "hm", "signature": "s"},
        ),
        (ThinkingDelta(redacted="r"), {"type": "redacted_thinking", "data": "r"}),
    ],
)
def test_closed_thinking_blocks_can_be_sent_back(event: Event, block: dict[str, str]) -> None:
    body = wire.decode_any(render_chat([ThinkingDelta(text="hm"), event], ask()))
    assert body["choices"][0]["message"]["thinking_blocks"] == [block]
    assert b"thinking_blocks" in ChatWriter(ask()).write([event])


def test_content_is_null_only_beside_tool_calls() -> None:
    cases: list[tuple[list[Event], str | None]] = [
        ([ToolStarted(index=0, id="c", name="f")], None),
        ([Finished(reason=Finish.STOP)], ""),
    ]
    for events, content in cases:
        body = wire.decode_any(render_chat(events, ask()))
        assert body["choices"][0]["message"]["content"] == content


def test_events_of_other_operations_are_left_out() -> None:
    assert ChatWriter(ask()).write([Vector(index=0, values=(1.0,))]) == b""


def test_each_seal_stands_by_its_own_thought() -> None:
    """A second block held the first one's text too, and its vendor refused it when it came back."""
    events: list[Event] = [
        ThinkingDelta(text="one "),
        ThinkingDelta(text="first"),
        ThinkingDelta(signature="s1"),
        TextDelta(text="a"),
        ThinkingDelta(text="second"),
        ThinkingDelta(signature="s2"),
    ]
    blocks = [
        {"type": "thinking", "thinking": "one first", "signature": "s1"},
        {"type": "thinking", "thinking": "second", "signature": "s2"},
    ]
    whole = wire.decode_any(render_chat(events, ask()))["choices"][0]["message"]
    assert whole["thinking_blocks"] == blocks
    assert whole["reasoning_content"] == "one firstsecond"
    lines = ChatWriter(ask()).write(events).removesuffix(b"\n\n").split(b"\n\n")
    deltas = [wire.decode_any(line[6:])["choices"][0]["delta"] for line in lines]
    assert [each for delta in deltas for each in delta.get("thinking_blocks", ())] == blocks


def test_a_custom_tool_is_called_in_its_own_shape() -> None:
    tool = {"type": "custom", "custom": {"name": "patch"}}
    asked = ask(tools=[tool])
    events: list[Event] = [
        ToolStarted(index=0, id="c1", name="patch"),
        ToolStarted(index=1, id="c2", name="f"),
        ToolDelta(index=0, arguments='{"input":'),
        ToolDelta(index=1, arguments="{}"),
        ToolDelta(index=0, arguments='"a\\nb"}'),
        Finished(reason=Finish.TOOL_USE),
    ]
    calls = wire.decode_any(render_chat(events, asked))["choices"][0]["message"]["tool_calls"]
    assert calls[0] == {"id": "c1", "type": "custom", "custom": {"name": "patch", "input": "a\nb"}}
    assert calls[1]["function"] == {"name": "f", "arguments": "{}"}
    lines = ChatWriter(asked).write(events).removesuffix(b"\n\n").split(b"\n\n")
    deltas = [wire.decode_any(line[6:])["choices"][0]["delta"] for line in lines]
    pieces = [call for delta in deltas for call in delta.get("tool_calls", ())]
    assert [piece.get("custom") for piece in pieces if piece["index"] == 0] == [
        {"name": "patch", "input": ""},
        {"input": "a\nb"},
    ]
