import msgspec
import pytest
from msgspec import Raw
from tests.support.calls import call
from tests.support.golden import ROOT, call_of

from hx_gateway.core import wire
from hx_gateway.core.call import Call
from hx_gateway.core.chat import (
    Chat,
    Document,
    Image,
    OutputFormat,
    Reasoning,
    Role,
    Text,
    Thinking,
    ToolChoice,
    ToolResult,
    ToolUse,
)
from hx_gateway.core.errors import InvalidRequest
from hx_gateway.dialects.anthropic_messages.encode import encode_chat
from hx_gateway.dialects.anthropic_messages.read import read_chat

# Without those of an agent, which hold what only its own vendor is sent back.
CALLS = sorted(
    path.stem
    for path in ROOT.glob("calls/messages/*.json")
    if not path.stem.startswith("claude_code")
)


def message(**fields: object) -> Call:
    return call({"max_tokens": 9, "messages": [], **fields}, "anthropic_messages")


def read(*blocks: object, **fields: object) -> Chat:
    return read_chat(message(messages=[{"role": "user", "content": list(blocks)}], **fields))


@pytest.mark.parametrize("name", CALLS)
def test_what_is_read_is_written_again(name: str) -> None:
    compact = wire.encode(wire.decode_any((ROOT / f"calls/messages/{name}.json").read_bytes()))
    asked = call_of("messages", compact)
    chat = read_chat(asked)
    fields = encode_chat(chat, "m", stream=False)
    again = read_chat(msgspec.structs.replace(asked, fields=fields))
    assert again == chat


@pytest.mark.parametrize(
    ("block", "part"),
    [
        ({"type": "text", "text": "a"}, Text(text="a")),
        (
            {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}},
            Text(text="a", cache=Raw(b'{"type":"ephemeral"}')),
        ),
        (
            {"type": "image", "source": {"type": "url", "url": "https://a.test/p"}},
            Image(url="https://a.test/p"),
        ),
        (
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "Q"}},
            Image(data="Q", media_type="image/png"),
        ),
        (
            {"type": "image", "source": {"type": "file", "file_id": "f"}},
            Document(
                kind="image", raw=Raw(b'{"type":"image","source":{"type":"file","file_id":"f"}}')
            ),
        ),
        (
            {"type": "search_result", "source": "x"},
            Document(kind="search_result", raw=Raw(b'{"type":"search_result","source":"x"}')),
        ),
        (
            {"type": "thinking", "thinking": "hm", "signature": "s"},
            Thinking(text="hm", signature="s"),
        ),
        ({"type": "redacted_thinking", "data": "r"}, Thinking(redacted="r")),
        (
            {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
            ToolUse(id="t", name="f", arguments='{"a":1}'),
        ),
    ],
)
def test_blocks_are_understood(block: object, part: object) -> None:
    assert read(block).messages[0].parts == (part,)


def test_each_tool_result_is_a_message_of_its_own_in_order() -> None:
    chat = read(
        {"type": "text", "text": "before"},
        {"type": "tool_result", "tool_use_id": "a", "content": "4", "is_error": True},
        {"type": "tool_result", "tool_use_id": "b"},
        {"type": "text", "text": "after"},
    )
    assert [m.role for m in chat.messages] == [Role.USER, Role.TOOL, Role.TOOL, Role.USER]
    results = [m.parts[0] for m in chat.messages[1:3]]
    assert results == [
        ToolResult(id="a", parts=(Text(text="4"),), is_error=True),
        ToolResult(id="b", parts=()),
    ]


@pytest.mark.parametrize(
    ("given", "choice", "parallel"),
    [
        ({"type": "auto"}, ToolChoice(mode="auto"), None),
        ({"type": "any", "disable_parallel_tool_use": True}, ToolChoice(mode="required"), False),
        ({"type": "none"}, ToolChoice(mode="none"), None),
        ({"type": "tool", "name": "f"}, ToolChoice(mode="tool", name="f"), None),
    ],
)
def test_tool_choices(given: object, choice: ToolChoice, parallel: bool | None) -> None:
    chat = read(tool_choice=given)
    assert (chat.tool_choice, chat.parallel_tools) == (choice, parallel)


@pytest.mark.parametrize(
    ("fields", "reasoning"),
    [
        ({}, None),
        ({"thinking": {"type": "disabled"}}, Reasoning(enabled=False)),
        ({"thinking": {"type": "enabled", "budget_tokens": 9}}, Reasoning(budget_tokens=9)),
        (
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}},
            Reasoning(effort="max", if_able=True),
        ),
        ({"output_config": {"effort": "low"}}, Reasoning(effort="low", if_able=True)),
    ],
)
def test_thinking_is_understood(fields: dict[str, object], reasoning: Reasoning | None) -> None:
    assert read(**fields).reasoning == reasoning


@pytest.mark.parametrize("name", ["output_format", "output_config"])
def test_both_names_of_the_output_format_are_understood(name: str) -> None:
    wanted: object = {"type": "json_schema", "schema": {}}
    chat = read(**{name: {"format": wanted} if name == "output_config" else wanted})
    assert chat.output == OutputFormat(kind="json_schema", schema=Raw(b"{}"))


def test_vendor_tools_keep_their_form_and_own_fields_stay_out_of_the_rest() -> None:
    chat = read(tools=[{"type": "bash_20250124", "name": "bash"}], service_tier="auto", zzz=1)
    assert chat.tools[0].raw == Raw(b'{"type":"bash_20250124","name":"bash"}')
    assert set(chat.extra) == {"zzz"}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": [{"role": "poet", "content": "a"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": [{}]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "user"}]}, "messages[0]"),
        ({"tool_choice": {"type": "odd"}}, "tool_choice.type"),
        ({"tools": [{"description": "x"}]}, "tools"),
        ({"system": 7}, "system"),
    ],
)
def test_a_mistake_names_its_field(fields: dict[str, object], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_chat(message(**fields))
    assert caught.value.param == param


def test_what_only_its_vendors_tools_did_stays_behind() -> None:
    """Symptom: a conversation with a web search in it could not go on at another vendor."""
    used = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "q"}}
    found = {"type": "web_search_tool_result", "tool_use_id": "s", "content": []}
    said = {"type": "text", "text": "It rains."}
    chat = read_chat(
        message(
            messages=[
                {"role": "user", "content": "Weather?"},
                {"role": "assistant", "content": [used, found]},
                {"role": "assistant", "content": [used, found, said]},
                {"role": "system", "content": [{"type": "tool_removal", "tool": {"name": "f"}}]},
            ]
        )
    )
    assert [turn.parts for turn in chat.messages] == [
        (Text(text="Weather?"),),
        (Text(text="It rains."),),
    ]


def test_the_summary_of_what_was_said_before_is_read() -> None:
    chat = read(
        {"type": "compaction", "content": "Earlier: hello."},
        {"type": "compaction", "content": None},
    )
    assert chat.messages[0].parts == (Text(text="Earlier: hello."),)


def test_a_conversation_may_add_and_withdraw_tools() -> None:
    def change(kind: str, **tool: object) -> dict[str, object]:
        return {"role": "system", "content": [{"type": kind, "tool": tool}]}

    said = {"role": "system", "content": [{"type": "text", "text": "x"}, {"type": "tool_addition"}]}
    asked = {"role": "user", "content": "tool_addition"}
    tools = [{"name": "a"}, {"name": "b"}]
    changes = [
        change("tool_removal", type="tool_reference", name="a"),
        change("tool_removal", type="tool_reference", name="b"),
        change("tool_addition", type="tool_definition", definition={"name": "c"}),
        change("tool_addition", type="tool_reference", name="a"),
        change("tool_addition", type="tool_reference", name="unknown"),
    ]
    chat = read_chat(message(messages=[asked, *changes], tools=tools))
    assert [tool.name for tool in chat.tools] == ["c", "a"]
    assert len(read_chat(message(messages=[asked], tools=tools)).tools) == 2
    with pytest.raises(InvalidRequest):
        read_chat(message(messages=[asked, said], tools=tools))
