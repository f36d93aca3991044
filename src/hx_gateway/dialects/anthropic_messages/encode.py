"""Write a `Chat` as a Messages request for an upstream."""

import re
from collections.abc import Iterator

import msgspec
from msgspec import Raw

from hx_gateway.core.chat import (
    Chat,
    Document,
    Image,
    Message,
    Part,
    Refusal,
    Role,
    Text,
    Thinking,
    Tool,
    ToolResult,
    ToolUse,
)
from hx_gateway.core.errors import InvalidRequest
from hx_gateway.core.wire import NOT_JSON, Fields, raw
from hx_gateway.dialects.anthropic_messages.thinking import (
    IMITATOR,
    Traits,
    effort_of,
    is_unsigned,
    takes_sampling,
    thinking_of,
)
from hx_gateway.dialects.documents import messages_document
from hx_gateway.dialects.foreign import without_openai
from hx_gateway.dialects.user import opaque_user, user_losses

Json = dict[str, object]

# The format demands a limit: LiteLLM's default, where it is not known what the model can say.
MAX_TOKENS = 4096
_MODES = {"auto": "auto", "required": "any", "none": "none", "tool": "tool"}
# Ids of other vendors may hold more characters than this one takes.
_NO_ID = re.compile(r"[^a-zA-Z0-9_-]")
_ARGUMENTS = msgspec.json.Decoder(dict[str, Raw])
_NO_PARAMETERS: Json = {"type": "object", "properties": {}}


def encode_chat(
    chat: Chat, model: str, *, stream: bool, traits: Traits = IMITATOR, limit: int = MAX_TOKENS
) -> Fields:
    """Write the body; thinking is left out where the format would refuse the whole request.

    `limit` is the most that is answered to a client that does not say.
    """
    thinking = thinking_of(chat, traits)
    samples = takes_sampling(thinking, traits)
    wanted: Json = {
        "system": _system(chat.messages),
        "messages": _messages(chat.messages),
        "tools": list(map(_tool, chat.tools)) or None,
        "tool_choice": _tool_choice(chat),
        "max_tokens": _limit(limit if chat.max_tokens is None else chat.max_tokens, thinking),
        "temperature": _at_most_one(chat.temperature) if samples else None,
        "top_p": chat.top_p if samples else None,
        "top_k": chat.top_k if samples else None,
        # A stop sequence of white space only is refused.
        "stop_sequences": [text for text in chat.stop if text.strip()] or None,
        "thinking": thinking,
        "output_config": _output_config(chat, thinking),
        "metadata": None if chat.user is None else {"user_id": opaque_user(chat.user)},
    }
    fields: Fields = {"model": raw(model)}
    fields.update((name, raw(value)) for name, value in wanted.items() if value is not None)
    if stream:
        fields["stream"] = raw(stream)
    return {**without_openai(chat.extra), **fields}


def losses(chat: Chat, traits: Traits = IMITATOR) -> Iterator[str]:
    """Note the settings that `encode_chat` leaves out or changes because of what they say."""
    if chat.output is not None and chat.output.kind == "json_object":
        yield "drop:response_format"  # the format knows JSON by a schema only
    thinking = thinking_of(chat, traits)
    if chat.reasoning is not None and thinking is None:
        yield "drop:thinking"
    if not takes_sampling(thinking, traits):
        for name in ("temperature", "top_p", "top_k"):
            if getattr(chat, name) is not None:
                yield f"drop:{name}"
    elif chat.temperature is not None and chat.temperature > 1:
        yield "clamp:temperature"
    if any(not text.strip() for text in chat.stop):
        yield "drop:stop"
    yield from user_losses(chat.user, opaque_user(chat.user))


def _system(messages: tuple[Message, ...]) -> str | list[Json | Raw] | None:
    parts = [part for m in messages if m.role is Role.SYSTEM for part in m.parts]
    if not parts:
        return None
    if len(parts) == 1 and isinstance(parts[0], Text) and parts[0].cache is None:
        return parts[0].text
    return [_block(part) for part in parts]


def _messages(messages: tuple[Message, ...]) -> list[Json]:
    """Join neighbours of one role: the results of parallel calls must be in one message."""
    joined: list[tuple[str, list[Part]]] = []
    for message in messages:
        if message.role is Role.SYSTEM:
            continue
        role = "assistant" if message.role is Role.ASSISTANT else "user"
        parts = [part for part in message.parts if not is_unsigned(part)]
        if joined and joined[-1][0] == role:
            joined[-1][1].extend(parts)
        else:
            joined.append((role, parts))
    return [{"role": role, "content": _content(_spoken(parts))} for role, parts in joined]


def _spoken(parts: list[Part]) -> list[Part]:
    """Leave out empty texts, which the vendor refuses, where something else is there."""
    return [part for part in parts if not isinstance(part, Text) or part.text] or parts


def _content(parts: list[Part]) -> str | list[Json | Raw]:
    if len(parts) == 1 and isinstance(parts[0], Text) and parts[0].cache is None:
        return parts[0].text
    return [_block(part) for part in parts]


def _block(part: Part) -> Json | Raw:
    if isinstance(part, Document):
        return messages_document(part)
    block = _plain_block(part)
    cache = getattr(part, "cache", None)
    return block if cache is None else {**block, "cache_control": cache}


def _plain_block(part: Text | Refusal | Image | Thinking | ToolUse | ToolResult) -> Json:
    match part:
        case Text() | Refusal():
            return {"type": "text", "text": part.text}
        case Image():
            return {"type": "image", "source": _source(part)}
        case Thinking():
            return _thought(part)
        case ToolUse():
            return {
                "type": "tool_use",
                "id": _id(part.id),
                "name": part.name,
                "input": _input(part),
            }
        case ToolResult():
            return _tool_result(part)


def _thought(part: Thinking) -> Json:
    if part.redacted is not None:
        return {"type": "redacted_thinking", "data": part.redacted}
    return {"type": "thinking", "thinking": part.text, "signature": part.signature}


def _source(image: Image) -> Json:
    if image.data is None:
        return {"type": "url", "url": image.url}
    return {"type": "base64", "media_type": image.media_type or "image/png", "data": image.data}


def _input(part: ToolUse) -> dict[str, Raw]:
    try:
        return _ARGUMENTS.decode(part.arguments or "{}")
    except NOT_JSON:
        raise InvalidRequest(
            "The arguments of an earlier tool call are not a JSON object.", param="messages"
        ) from None


def _id(given: str) -> str:
    return _NO_ID.sub("_", given)


def _tool_result(result: ToolResult) -> Json:
    block: Json = {"type": "tool_result", "tool_use_id": _id(result.id)}
    if result.parts:
        block["content"] = _content(list(result.parts))
    if result.is_error:
        block["is_error"] = True
    return block


def _tool(tool: Tool) -> Json | Raw:
    if tool.raw is not None:
        return tool.raw
    written: Json = {"name": tool.name}
    if tool.description is not None:
        written["description"] = tool.description
    written["input_schema"] = _NO_PARAMETERS if tool.parameters is None else tool.parameters
    if tool.strict:  # off is what it is without a word, which older servers do not know
        written["strict"] = True
    if tool.cache is not None:
        written["cache_control"] = tool.cache
    return written


def _tool_choice(chat: Chat) -> Json | None:
    choice, parallel = chat.tool_choice, chat.parallel_tools
    if not chat.tools or (choice is None and parallel is None):
        return None
    written: Json = {"type": "auto" if choice is None else _MODES.get(choice.mode, "auto")}
    if choice is not None and choice.name is not None:
        written["name"] = choice.name
    if parallel is not None and written["type"] != "none":
        written["disable_parallel_tool_use"] = not parallel
    return written


def _limit(max_tokens: int, thinking: Json | None) -> int:
    """The limit counts thinking too, and must be above its budget."""
    budget = thinking.get("budget_tokens", 0) if thinking else 0
    return max_tokens if not isinstance(budget, int) or max_tokens > budget else budget + max_tokens


def _at_most_one(temperature: float | None) -> float | None:
    return None if temperature is None else min(temperature, 1.0)


def _output_config(chat: Chat, thinking: Json | None) -> Json | None:
    config: Json = {}
    if thinking is not None and thinking["type"] == "adaptive":
        effort = effort_of(chat)
        config |= {} if effort is None else {"effort": effort}
    if chat.output is not None and chat.output.schema is not None:
        config["format"] = {"type": "json_schema", "schema": chat.output.schema}
    return config or None
