import pytest
from msgspec import Raw
from tests.support.calls import plain

from hx_gateway.core.chat import (
    Chat,
    Image,
    Message,
    Part,
    Reasoning,
    Refusal,
    Role,
    Text,
    Thinking,
    Tool,
    ToolResult,
    ToolUse,
)
from hx_gateway.dialects.openai_responses.encode import DIALECT, encode_chat


def turn(role: Role, *parts: Part) -> Message:
    return Message(role=role, parts=parts)


def body_of(*messages: Message, **fields: object) -> dict[str, object]:
    return plain(encode_chat(Chat(messages=messages, **fields), "m", stream=True))  # type: ignore[arg-type]


def test_nothing_is_stored_unless_the_client_says_so() -> None:
    assert body_of() == {"store": False, "model": "m", "input": [], "stream": True}
    assert body_of(extra={"store": Raw(b"true")})["store"] is True


def test_a_turn_is_taken_apart_in_its_order() -> None:
    body = body_of(
        turn(Role.SYSTEM, Text(text="a"), Text(text="b")),
        turn(Role.SYSTEM, Text(text="c")),
        turn(
            Role.ASSISTANT,
            Thinking(text="hm", signature="responses:s"),
            Thinking(text="unsealed"),
            Thinking(redacted="r"),
            Text(text="d"),
            ToolUse(id="t", name="f", arguments=""),
            Refusal(text="no"),
        ),
        turn(Role.TOOL, ToolResult(id="t", parts=(Text(text="4"), Text(text="5")))),
    )
    assert body["instructions"] == "a\n\nb"
    assert body["input"] == [
        {"type": "message", "role": "developer", "content": "c"},
        {
            "type": "reasoning",
            "summary": [{"type": "summary_text", "text": "hm"}],
            "encrypted_content": "s",
        },
        {"type": "message", "role": "assistant", "content": "d"},
        {"type": "function_call", "call_id": "t", "name": "f", "arguments": "{}"},
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "refusal", "refusal": "no"}],
        },
        {"type": "function_call_output", "call_id": "t", "output": "4\n5"},
    ]


def test_parts_are_named_by_who_speaks() -> None:
    parts = (Text(text="a"), Image(data="Q", media_type="image/png"))
    body = body_of(turn(Role.USER, *parts), turn(Role.ASSISTANT, Text(text="b"), Text(text="c")))
    assert body["input"] == [
        {
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_text", "text": "a"},
                {
                    "type": "input_image",
                    "image_url": "data:image/png;base64,Q",
                    "detail": "auto",
                },
            ],
        },
        {
            "type": "message",
            "role": "assistant",
            "content": [
                {"type": "output_text", "text": "b"},
                {"type": "output_text", "text": "c"},
            ],
        },
    ]


def test_tools_are_not_strict_unless_said() -> None:
    raw = Raw(b'{"type":"x"}')
    tools = (
        Tool(name="f"),
        Tool(name="g", strict=True, description="d"),
        Tool(name="x", raw=raw, dialect=DIALECT),
    )
    assert body_of(tools=tools)["tools"] == [
        {"type": "function", "name": "f", "strict": False, "parameters": {}},
        {"type": "function", "name": "g", "strict": True, "description": "d", "parameters": {}},
        {"type": "x"},
    ]


@pytest.mark.parametrize(
    ("reasoning", "sent", "include"),
    [
        (Reasoning(effort="low"), {"effort": "low"}, ["reasoning.encrypted_content"]),
        (Reasoning(budget_tokens=20_000), {"effort": "high"}, ["reasoning.encrypted_content"]),
        (
            Reasoning(summary="auto"),
            {"effort": "medium", "summary": "auto"},
            ["reasoning.encrypted_content"],
        ),
        (Reasoning(enabled=False), {"effort": "none"}, None),
        (None, None, None),
    ],
)
def test_reasoning_asks_for_what_must_be_sent_back(
    reasoning: Reasoning | None, sent: object, include: object
) -> None:
    body = body_of(reasoning=reasoning)
    assert (body.get("reasoning"), body.get("include")) == (sent, include)
