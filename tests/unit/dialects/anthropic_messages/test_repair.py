"""Conversations that the vendor would refuse, mended; all others stay as they are."""

from typing import Any

import pytest
from tests.support.calls import ask

from hx_gateway.core.chat import Chat, Role, Text, ToolResult
from hx_gateway.dialects.anthropic_messages.repair import EMPTY, NO_RESULT, NO_TOOL, repaired
from hx_gateway.dialects.openai_chat import WAY_IN

USER = {"role": "user", "content": "go"}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {}}}


def uses(*ids: str) -> dict[str, Any]:
    function = {"name": "f", "arguments": "{}"}
    calls = [{"id": id_, "type": "function", "function": function} for id_ in ids]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def result(id_: str, text: str = "r") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": id_, "content": text}


def chat(*messages: dict[str, Any], **fields: Any) -> Chat:
    return WAY_IN.read(ask(messages=list(messages), **fields))


def shape(made: Chat) -> list[str]:
    """Write a conversation down shortly: `user: go`, `tool: id=text`."""
    lines = []
    for message in made.messages:
        for part in message.parts:
            if isinstance(part, ToolResult):
                text = "".join(each.text for each in part.parts if isinstance(each, Text))
                lines.append(f"tool: {part.id}={text}")
            elif isinstance(part, Text):
                lines.append(f"{message.role}: {part.text}")
            else:
                lines.append(f"{message.role}: {type(part).__name__}")
    return lines


def test_a_proper_conversation_is_not_touched() -> None:
    proper = chat(USER, uses("a", "b"), result("a"), result("b"), USER, tools=[TOOL])
    assert repaired(proper) == (proper, ())


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([{"role": "system", "content": "be"}], ["system: be", "user: ."]),
        ([{"role": "assistant", "content": "hi"}], ["user: .", "assistant: hi"]),
        ([{"role": "user", "content": "  "}], [f"user: {EMPTY}"]),
        (
            [USER, uses("a", "b"), result("b"), USER],
            ["user: go", "assistant: ToolUse", "assistant: ToolUse", f"tool: a={NO_RESULT}",
             "tool: b=r", "user: go"],
        ),
        ([USER, uses("a")], ["user: go", "assistant: ToolUse", f"tool: a={NO_RESULT}"]),
        ([USER, result("a"), USER], ["user: go", "user: go"]),  # a result of no call
        (
            [USER, uses("a"), result("a", "1"), result("a", "2")],
            ["user: go", "assistant: ToolUse", "tool: a=2"],
        ),
    ],
)  # fmt: skip
def test_what_the_vendor_refuses_is_mended(
    messages: list[dict[str, Any]], expected: list[str]
) -> None:
    made, notes = repaired(chat(*messages, tools=[TOOL]))
    assert shape(made) == expected
    assert notes == ("set:messages",)


def test_calls_of_tools_have_a_tool() -> None:
    made, notes = repaired(chat(USER, uses("a"), result("a")))
    assert [tool.name for tool in made.tools] == [NO_TOOL]
    assert notes == ("set:tools",)
    assert made.messages[-1].role is Role.TOOL
