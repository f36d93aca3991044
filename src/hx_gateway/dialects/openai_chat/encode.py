"""Write a `Chat` as a request body for an upstream."""

from collections.abc import Iterable

from msgspec import Raw

from hx_gateway.core.chat import (
    Chat,
    Document,
    Image,
    Message,
    OutputFormat,
    Reasoning,
    Refusal,
    Role,
    Text,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
)
from hx_gateway.core.wire import Fields, raw
from hx_gateway.dialects.documents import chat_document, plain_text
from hx_gateway.dialects.images import url_of
from hx_gateway.dialects.systems import with_one_system
from hx_gateway.dialects.user import short_user

Json = dict[str, object]

STREAM_OPTIONS = raw({"include_usage": True})
# What every server that imitates the format knows; Codex asks for pictures as they are.
_DETAILS = frozenset({"auto", "low", "high"})
TRUE = raw(True)  # noqa: FBT003 - the JSON value itself


def encode_chat(chat: Chat, model: str, *, stream: bool, max_tokens_field: str) -> Fields:
    """Write the body; thinking blocks and cache marks stay behind, OpenAI's format has none."""
    fields: Fields = {
        "model": raw(model),
        "messages": raw(_messages(with_one_system(chat.messages))),
    }
    if stream:
        fields["stream"] = TRUE
        fields["stream_options"] = STREAM_OPTIONS
    wanted: Json = {
        "tools": list(map(_tool, chat.tools)) or None,
        "tool_choice": _tool_choice(chat.tool_choice),
        "parallel_tool_calls": chat.parallel_tools,
        max_tokens_field: chat.max_tokens,
        "temperature": chat.temperature,
        "top_p": chat.top_p,
        "top_k": chat.top_k,
        "stop": chat.stop or None,
        "seed": chat.seed,
        "n": chat.choices,
        "frequency_penalty": chat.frequency_penalty,
        "presence_penalty": chat.presence_penalty,
        "logprobs": chat.logprobs,
        "top_logprobs": chat.top_logprobs,
        "response_format": _output(chat.output),
        "reasoning_effort": _effort(chat.reasoning),
        "user": short_user(chat.user),
    }
    fields.update((name, raw(value)) for name, value in wanted.items() if value is not None)
    return {**chat.extra, **fields}


def _messages(messages: tuple[Message, ...]) -> list[Json]:
    written: list[Json] = []
    # A message of a tool holds text only: its pictures follow as the user's.
    pictures: list[Json | Raw] = []
    for message in messages:
        if message.role is Role.TOOL:
            written.extend(_tool_messages(message, pictures))
            continue
        if pictures:
            written.append({"role": "user", "content": pictures})
            pictures = []
        written.append(_message(message))
    return [*written, {"role": "user", "content": pictures}] if pictures else written


def _tool_messages(message: Message, pictures: list[Json | Raw]) -> Iterable[Json]:
    for result in message.parts:
        if not isinstance(result, ToolResult):
            continue
        texts = [_text_of(part) for part in result.parts]
        others = (part for part, text in zip(result.parts, texts, strict=True) if text is None)
        pictures.extend(map(_part, others))
        shown = "\n".join(text for text in texts if text is not None)
        yield {"role": "tool", "tool_call_id": result.id, "content": shown}


def _text_of(part: Text | Image | Document) -> str | None:
    if isinstance(part, Text):
        return part.text
    return plain_text(part) if isinstance(part, Document) else None


def _message(message: Message) -> Json:
    written: Json = {"role": message.role.value, "content": _content(message)}
    if message.name is not None:
        written["name"] = message.name
    refusals = [part.text for part in message.parts if isinstance(part, Refusal)]
    if refusals:
        written["refusal"] = "".join(refusals)
    calls = [_tool_call(part) for part in message.parts if isinstance(part, ToolUse)]
    if calls:
        written["tool_calls"] = calls
    return written


def _content(message: Message) -> str | list[Json | Raw] | None:
    parts = [part for part in message.parts if isinstance(part, Text | Image | Document)]
    if not parts:
        return None if message.role is Role.ASSISTANT else ""
    if len(parts) == 1 and isinstance(parts[0], Text):
        return parts[0].text
    return [_part(part) for part in parts]


def _part(part: Text | Image | Document) -> Json | Raw:
    match part:
        case Text():
            return {"type": "text", "text": part.text}
        case Image():
            detail = {"detail": part.detail} if part.detail in _DETAILS else {}
            return {"type": "image_url", "image_url": {"url": url_of(part), **detail}}
        case Document() if (text := plain_text(part)) is not None:
            return {"type": "text", "text": text}
        case Document():
            return chat_document(part)


def _tool_call(part: ToolUse) -> Json:
    function = {"name": part.name, "arguments": part.arguments}
    return {"id": part.id, "type": "function", "function": function}


def _tool(tool: Tool) -> Json | Raw:
    if tool.raw is not None:
        return tool.raw
    function: Json = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    if tool.parameters is not None:
        function["parameters"] = tool.parameters
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _tool_choice(choice: ToolChoice | None) -> str | Json | None:
    if choice is None or choice.name is None:
        return None if choice is None else choice.mode
    return {"type": "function", "function": {"name": choice.name}}


def _output(output: OutputFormat | None) -> Json | None:
    if output is None:
        return None
    if output.kind != "json_schema":
        return {"type": output.kind}
    schema: Json = {"name": output.name or "answer"}
    if output.description is not None:
        schema["description"] = output.description
    if output.schema is not None:
        schema["schema"] = output.schema
    if output.strict is not None:
        schema["strict"] = output.strict
    return {"type": "json_schema", "json_schema": schema}


def _effort(reasoning: Reasoning | None) -> str | None:
    if reasoning is None:
        return None
    if reasoning.effort is not None or not reasoning.enabled or reasoning.budget_tokens is None:
        return reasoning.effort  # without a word about how much, the model's own default is meant
    return effort_of(reasoning.budget_tokens)


def effort_of(budget_tokens: int | None) -> str:
    """Say a thinking budget in OpenAI's words; the thresholds are ours, no vendor gives any."""
    if budget_tokens is None:
        return "medium"
    if budget_tokens < 4096:
        return "low"
    return "medium" if budget_tokens < 16384 else "high"
