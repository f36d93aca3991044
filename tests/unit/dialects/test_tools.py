"""Tools that a format has no word for: said in other words, or left out."""

import msgspec
import pytest
from msgspec import Raw

from hx_gateway.core.chat import Chat, Message, Role, Text, Tool, ToolChoice, ToolUse
from hx_gateway.dialects.tools import (
    as_arguments,
    as_function,
    as_text,
    foreign_tools,
    speakable,
)

PLAIN = Tool(name="f")
PATCH = Tool(
    name="apply_patch",
    description="Edit files.",
    custom=True,
    format=Raw(b'{"type":"grammar","syntax":"lark","definition":"start: x"}'),
)
SEARCH = Tool(name="web_search", raw=Raw(b'{"type":"web_search"}'), dialect="openai_responses")


def said(role: Role, text: str) -> Message:
    return Message(role=role, parts=(Text(text=text),))


def test_a_chat_that_can_be_said_stays_the_same() -> None:
    chat = Chat(messages=(said(Role.USER, "a"),), tools=(PLAIN,))
    assert speakable(chat, "openai_chat") is chat


def test_a_custom_tool_becomes_a_function_of_one_text() -> None:
    function = as_function(PATCH)
    assert function.parameters is not None
    schema = msgspec.json.decode(function.parameters)
    assert schema["required"] == ["input"]
    assert function.description == (
        "Edit files.\n\nThe input must follow this lark grammar:\nstart: x"
    )
    assert as_function(Tool(name="t", custom=True)).description is None
    for format_ in (b'{"type":"text"}', b"7"):
        assert as_function(Tool(name="t", custom=True, format=Raw(format_))).description is None


@pytest.mark.parametrize("text", ["", '*** Begin Patch\n+ "a" \\ é 💡', "{}"])
def test_its_text_survives_the_way_there_and_back(text: str) -> None:
    assert as_text(as_arguments(text)) == text


@pytest.mark.parametrize("arguments", ["*** Begin Patch", '{"patch":"x"}', '{"input":7}', ""])
def test_what_a_model_makes_of_it_instead_stays_whole(arguments: str) -> None:
    assert as_text(arguments) == arguments


def test_tools_of_another_format_are_left_out_with_the_choice_among_them() -> None:
    chat = Chat(
        messages=(), tools=(SEARCH,), tool_choice=ToolChoice(mode="auto"), parallel_tools=True
    )
    assert foreign_tools(chat, "openai_chat")
    assert speakable(chat, "openai_chat") == Chat(messages=())
    assert not foreign_tools(chat, "openai_responses")
    both = msgspec.structs.replace(chat, tools=(PLAIN, SEARCH))
    assert speakable(both, "openai_chat").tools == (PLAIN,)
    assert speakable(both, "openai_chat").tool_choice is not None


def test_calls_of_custom_tools_are_put_in_json() -> None:
    use = ToolUse(id="c", name="apply_patch", arguments="a\nb", custom=True)
    chat = Chat(messages=(Message(role=Role.ASSISTANT, parts=(use,)),), tools=(PATCH,))
    (part,) = speakable(chat, "openai_chat").messages[0].parts
    assert part == ToolUse(id="c", name="apply_patch", arguments='{"input":"a\\nb"}')
