import pytest
from msgspec import Raw
from tests.support.calls import plain

from hx_gateway.core.chat import (
    Chat,
    Document,
    Image,
    Message,
    OutputFormat,
    Part,
    Reasoning,
    Role,
    Text,
    Thinking,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
)
from hx_gateway.core.errors import InvalidRequest
from hx_gateway.dialects.anthropic_messages.encode import MAX_TOKENS, encode_chat, losses
from hx_gateway.dialects.anthropic_messages.thinking import Traits

TOOLS = (Tool(name="f"),)
USE = ToolUse(id="t", name="f", arguments='{"a":1}')


def turn(role: Role, *parts: Part) -> Message:
    return Message(role=role, parts=parts)


def body_of(*messages: Message, **fields: object) -> dict[str, object]:
    return plain(encode_chat(Chat(messages=messages, **fields), "m", stream=False))  # type: ignore[arg-type]


def test_results_of_parallel_calls_share_one_message() -> None:
    body = body_of(
        turn(Role.TOOL, ToolResult(id="a", parts=(Text(text="4"),))),
        turn(Role.TOOL, ToolResult(id="b", parts=(), is_error=True)),
        turn(Role.USER, Text(text="?")),
    )
    assert body["messages"] == [
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "a", "content": "4"},
                {"type": "tool_result", "tool_use_id": "b", "is_error": True},
                {"type": "text", "text": "?"},
            ],
        }
    ]


def test_system_messages_leave_the_conversation_and_keep_their_cache_marks() -> None:
    mark = Raw(b'{"type":"ephemeral"}')
    body = body_of(
        turn(Role.SYSTEM, Text(text="a", cache=mark)),
        turn(Role.USER, Text(text="b")),
        turn(Role.SYSTEM, Text(text="c")),
    )
    assert body["system"] == [
        {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}},
        {"type": "text", "text": "c"},
    ]
    assert body["messages"] == [{"role": "user", "content": "b"}]


def test_only_sealed_thoughts_are_sent_back() -> None:
    thoughts = (Thinking(text="x"), Thinking(text="y", signature="s"), Thinking(redacted="r"))
    body = body_of(turn(Role.ASSISTANT, *thoughts, Text(text="a")))
    assert body["messages"] == [
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "y", "signature": "s"},
                {"type": "redacted_thinking", "data": "r"},
                {"type": "text", "text": "a"},
            ],
        }
    ]


@pytest.mark.parametrize(
    ("fields", "choice"),
    [
        ({"tool_choice": ToolChoice(mode="required")}, {"type": "any"}),
        ({"tool_choice": ToolChoice(mode="tool", name="f")}, {"type": "tool", "name": "f"}),
        ({"parallel_tools": False}, {"type": "auto", "disable_parallel_tool_use": True}),
        ({"parallel_tools": False, "tool_choice": ToolChoice(mode="none")}, {"type": "none"}),
        ({}, None),
    ],
)
def test_tool_choices(fields: dict[str, object], choice: object) -> None:
    assert body_of(tools=TOOLS, **fields).get("tool_choice") == choice
    assert "tool_choice" not in body_of(**fields)


@pytest.mark.parametrize(
    ("messages", "choice", "thinks"),
    [
        ((), None, True),
        ((), ToolChoice(mode="auto"), True),
        ((), ToolChoice(mode="required"), False),
        ((), ToolChoice(mode="tool", name="f"), False),
        ((turn(Role.ASSISTANT, USE),), None, False),
        ((turn(Role.ASSISTANT, Thinking(text="x"), USE),), None, False),
        ((turn(Role.ASSISTANT, Thinking(text="x", signature="s"), USE),), None, True),
    ],
)
def test_thinking_is_left_out_where_it_would_be_refused(
    messages: tuple[Message, ...], choice: ToolChoice | None, thinks: bool
) -> None:
    body = body_of(
        *messages, reasoning=Reasoning(effort="low"), tools=TOOLS, tool_choice=choice, top_p=0.5
    )
    assert ("thinking" in body) is thinks
    assert ("top_p" in body) is not thinks


@pytest.mark.parametrize(
    ("max_tokens", "budget", "sent"),
    [
        (None, None, MAX_TOKENS),
        (10, None, 10),
        (None, 1024, MAX_TOKENS),
        (500, 1024, 1524),
        (2000, 1024, 2000),
    ],
)
def test_the_limit_is_always_said_and_above_the_budget(
    max_tokens: int | None, budget: int | None, sent: int
) -> None:
    reasoning = None if budget is None else Reasoning(budget_tokens=budget)
    assert body_of(max_tokens=max_tokens, reasoning=reasoning)["max_tokens"] == sent


def test_a_model_that_takes_an_effort_is_told_one_beside_its_schema() -> None:
    chat = Chat(
        messages=(),
        reasoning=Reasoning(effort="high"),
        output=OutputFormat(kind="json_schema", schema=Raw(b"{}")),
        temperature=0.5,
    )
    traits = Traits(is_adaptive=True, samples=False)
    body = plain(encode_chat(chat, "m", stream=False, traits=traits, limit=7))
    assert body == {
        "model": "m",
        "messages": [],
        "max_tokens": 7,
        "thinking": {"type": "adaptive", "display": "summarized"},
        "output_config": {"effort": "high", "format": {"type": "json_schema", "schema": {}}},
    }
    assert list(losses(chat, traits)) == ["drop:temperature"]


def test_settings_are_kept_within_what_the_format_takes() -> None:
    body = body_of(
        temperature=1.7,
        stop=("a", "\n"),
        user="u",
        output=OutputFormat(kind="json_schema", schema=Raw(b"{}")),
        extra={"store": Raw(b"true"), "zzz": Raw(b"1")},
    )
    assert body == {
        "model": "m",
        "messages": [],
        "max_tokens": MAX_TOKENS,
        "temperature": 1,
        "stop_sequences": ["a"],
        "metadata": {"user_id": "u"},
        "output_config": {"format": {"type": "json_schema", "schema": {}}},
        "zzz": 1,
    }
    assert plain(encode_chat(Chat(messages=()), "m", stream=True))["stream"] is True
    assert "output_config" not in body_of(output=OutputFormat(kind="json_object"))


def test_tools_have_a_schema_and_vendor_tools_their_form() -> None:
    mark = Raw(b'{"type":"ephemeral"}')
    tools = (
        Tool(name="f", description="d", strict=True, cache=mark),
        Tool(name="x", raw=Raw(b'{"type":"x"}')),
    )
    assert body_of(tools=tools)["tools"] == [
        {
            "name": "f",
            "description": "d",
            "input_schema": {"type": "object", "properties": {}},
            "strict": True,
            "cache_control": {"type": "ephemeral"},
        },
        {"type": "x"},
    ]


def test_pictures_and_files_get_their_sources() -> None:
    parts = (
        Image(url="https://a.test/p"),
        Image(data="Q", cache=Raw(b"{}")),
        Document(kind="search_result", raw=Raw(b'{"type":"search_result"}')),
    )
    assert body_of(turn(Role.USER, *parts))["messages"] == [
        {
            "role": "user",
            "content": [
                {"type": "image", "source": {"type": "url", "url": "https://a.test/p"}},
                {
                    "type": "image",
                    "source": {"type": "base64", "media_type": "image/png", "data": "Q"},
                    "cache_control": {},
                },
                {"type": "search_result"},
            ],
        }
    ]


@pytest.mark.parametrize("arguments", ["{", "[1]", "7", "[" * 9999])
def test_broken_arguments_are_refused(arguments: str) -> None:
    with pytest.raises(InvalidRequest):
        body_of(turn(Role.ASSISTANT, ToolUse(id="t", name="f", arguments=arguments)))


def test_an_empty_text_beside_a_tool_call_is_left_out() -> None:
    """Clients of OpenAI send `content: ""` with tool calls, and the vendor refuses empty texts."""
    body = body_of(turn(Role.USER, Text(text="go")), turn(Role.ASSISTANT, Text(text=""), USE))
    content = body["messages"][1]["content"]  # type: ignore[index]
    assert [block["type"] for block in content] == ["tool_use"]
