import pytest
from msgspec import Raw
from tests.support.calls import ask, call

from hx_gateway.core.chat import (
    Document,
    Image,
    OutputFormat,
    Reasoning,
    Refusal,
    Role,
    Text,
    Thinking,
    ToolChoice,
    ToolResult,
    ToolUse,
)
from hx_gateway.core.errors import InvalidRequest
from hx_gateway.dialects.openai_chat.read import custom_tools, read_chat


def parts_of(message: dict[str, object]) -> tuple[object, ...]:
    return read_chat(call({"messages": [message]})).messages[0].parts


@pytest.mark.parametrize(
    ("message", "parts"),
    [
        ({"role": "user", "content": "a"}, (Text(text="a"),)),
        ({"role": "assistant", "content": None}, ()),
        (
            {"role": "user", "content": [{"type": "text", "text": "a", "cache_control": {"t": 1}}]},
            (Text(text="a", cache=Raw(b'{"t":1}')),),
        ),
        (
            {"role": "user", "content": [{"type": "image_url", "image_url": "https://a.test/p"}]},
            (Image(url="https://a.test/p"),),
        ),
        (
            {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "x"}}]},
            (
                Document(
                    kind="input_audio",
                    raw=Raw(b'{"type":"input_audio","input_audio":{"data":"x"}}'),
                ),
            ),
        ),
        (
            {"role": "assistant", "content": "a", "refusal": "no", "reasoning_content": "hm"},
            (Thinking(text="hm"), Text(text="a"), Refusal(text="no")),
        ),
        (
            {
                "role": "assistant",
                "thinking_blocks": [
                    {"type": "thinking", "thinking": "hm", "signature": "s"},
                    {"type": "redacted_thinking", "data": "r"},
                ],
                "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": '{"a": 1}'}}],
            },
            (
                Thinking(text="hm", signature="s"),
                Thinking(redacted="r"),
                ToolUse(id="c", name="f", arguments='{"a": 1}'),
            ),
        ),
        (
            {"role": "tool", "tool_call_id": "c", "content": "4"},
            (ToolResult(id="c", parts=(Text(text="4"),)),),
        ),
    ],
)
def test_messages_are_understood(message: dict[str, object], parts: tuple[object, ...]) -> None:
    assert parts_of(message) == parts


def test_developer_is_the_system() -> None:
    chat = read_chat(call({"messages": [{"role": "developer", "content": "a"}]}))
    assert chat.messages[0].role is Role.SYSTEM


def test_settings_are_understood_and_the_rest_is_kept() -> None:
    chat = read_chat(
        ask(
            max_tokens=5,
            stop="x",
            reasoning_effort="low",
            tool_choice={"type": "function", "function": {"name": "f"}},
            response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": {}}},
            tools=[{"type": "function", "function": {"name": "f"}}, {"type": "web_search"}],
            zzz=1,
            seed=None,
        )
    )
    assert (chat.max_tokens, chat.stop, chat.seed) == (5, ("x",), None)
    assert chat.reasoning == Reasoning(effort="low")
    assert chat.tool_choice == ToolChoice(mode="tool", name="f")
    assert chat.output == OutputFormat(kind="json_schema", name="n", schema=Raw(b"{}"))
    assert [tool.name for tool in chat.tools] == ["f", "web_search"]
    assert chat.tools[1].raw == Raw(b'{"type":"web_search"}')
    assert chat.extra == {"zzz": Raw(b"1")}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"messages": [{"role": "user", "content": 1}]}, "messages[0].content"),
        ({"messages": [{"role": "poet", "content": "a"}]}, "messages[0].role"),
        ({"messages": [{"role": "tool", "content": "a"}]}, "messages[0].tool_call_id"),
        ({"messages": [{"role": "user", "content": ["a"]}]}, "messages[0].content[0]"),
        ({"messages": [], "temperature": "hot"}, "temperature"),
        ({"messages": [], "tools": [{"function": {"name": 1}}]}, "tools"),
        ({"messages": [], "stop": [1]}, "stop[0]"),
    ],
)
def test_a_mistake_names_its_field(body: dict[str, object], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_chat(call(body))
    assert caught.value.param == param


def test_a_call_of_a_custom_tool_holds_a_text() -> None:
    custom = {"id": "c", "type": "custom", "custom": {"name": "patch", "input": "a\nb"}}
    asked = call({"messages": [{"role": "assistant", "tool_calls": [custom]}]})
    (part,) = read_chat(asked).messages[0].parts
    assert part == ToolUse(id="c", name="patch", arguments="a\nb", custom=True)


def test_tools_that_nobody_reads_are_not_custom() -> None:
    for tools in (["custom"], {"type": "custom"}, [{"type": "custom", "custom": {}}]):
        assert custom_tools(call({"tools": tools}).fields) == frozenset()
