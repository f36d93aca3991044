"""Write a `Chat` as the body of `/api/chat`."""

from collections.abc import Mapping

import msgspec
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
    Thinking,
    Tool,
    ToolResult,
    ToolUse,
)
from hx_gateway.core.errors import InvalidRequest
from hx_gateway.core.wire import NOT_JSON, Fields, raw
from hx_gateway.dialects.documents import plain_text
from hx_gateway.dialects.ollama_options import options_of, top_level_of
from hx_gateway.dialects.systems import with_one_system

Json = dict[str, object]

_ARGUMENTS = msgspec.json.Decoder(dict[str, Raw])
_EFFORTS = {
    "none": False,
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "max",
    "max": "max",
}


def encode_chat(chat: Chat, model: str, *, stream: bool) -> Fields:
    """Write the body. Of the client's further fields only those go on that Ollama knows."""
    names = _tool_names(chat.messages)
    fields: Fields = {
        "model": raw(model),
        "messages": raw([_message(message, names) for message in with_one_system(chat.messages)]),
        "stream": raw(stream),
    }
    wanted: Json = {
        "tools": None if _forbids_tools(chat) else list(map(_tool, chat.tools)) or None,
        "format": _format(chat.output),
        "think": _think(chat.reasoning),
        "logprobs": chat.logprobs,
        "top_logprobs": chat.top_logprobs,
        "options": _options(chat) or None,
    }
    fields.update((name, raw(value)) for name, value in wanted.items() if value is not None)
    return {**fields, **top_level_of(chat.extra)}


def _options(chat: Chat) -> Mapping[str, object]:
    ours: Json = {
        "num_predict": chat.max_tokens,
        "temperature": chat.temperature,
        "top_p": chat.top_p,
        "top_k": chat.top_k,
        "seed": chat.seed,
        "stop": chat.stop or None,
        "frequency_penalty": chat.frequency_penalty,
        "presence_penalty": chat.presence_penalty,
    }
    said = {name: value for name, value in ours.items() if value is not None}
    return {**options_of(chat.extra), **said}


def _forbids_tools(chat: Chat) -> bool:
    return chat.tool_choice is not None and chat.tool_choice.mode == "none"


def _tool_names(messages: tuple[Message, ...]) -> dict[str, str]:
    """Name the tool of each call: a result names its tool here, not only its call."""
    return {
        part.id: part.name
        for message in messages
        for part in message.parts
        if isinstance(part, ToolUse)
    }


def _message(message: Message, names: dict[str, str]) -> Json:
    if message.role is Role.TOOL and message.parts and isinstance(message.parts[0], ToolResult):
        return _tool_result(message.parts[0], names)
    texts: list[str] = []
    images: list[str] = []
    thoughts: list[str] = []
    calls: list[Json] = []
    for part in message.parts:
        match part:
            case Text() | Refusal() | Document():
                texts.append(_text(part))
            case Image():
                images.append(_image(part))
            case Thinking():
                thoughts.append(part.text)
            case ToolUse():
                calls.append(_tool_call(part))
            case ToolResult():
                raise InvalidRequest("This model takes text and pictures only.", param="messages")
    written: Json = {"role": message.role.value, "content": "\n".join(texts)}
    optional: Json = {"images": images, "thinking": "".join(thoughts), "tool_calls": calls}
    return {**written, **{name: value for name, value in optional.items() if value}}


def _tool_result(result: ToolResult, names: dict[str, str]) -> Json:
    texts = [_text(part) for part in result.parts if not isinstance(part, Image)]
    images = [_image(part) for part in result.parts if isinstance(part, Image)]
    written: Json = {
        "role": "tool",
        "content": "\n".join(texts),
        "tool_call_id": result.id,
    }
    if result.id in names:
        written["tool_name"] = names[result.id]
    if images:
        written["images"] = images
    return written


def _text(part: Text | Refusal | Document) -> str:
    text = plain_text(part) if isinstance(part, Document) else part.text
    if text is None:
        raise InvalidRequest("This model takes text and pictures only.", param="messages")
    return text


def _image(image: Image) -> str:
    if image.data is None:
        # Fetching a URL for a client would let it choose where we connect.
        raise InvalidRequest("This model takes pictures as base64 data only.", param="messages")
    return image.data


def _tool_call(part: ToolUse) -> Json:
    try:
        arguments = _ARGUMENTS.decode(part.arguments or "{}")
    except NOT_JSON:
        raise InvalidRequest(
            "The arguments of an earlier tool call are not a JSON object.", param="messages"
        ) from None
    return {"id": part.id, "function": {"name": part.name, "arguments": arguments}}


def _tool(tool: Tool) -> Json | Raw:
    if tool.raw is not None:
        return tool.raw
    function: Json = {"name": tool.name, "description": tool.description or ""}
    if tool.parameters is not None:
        function["parameters"] = tool.parameters
    return {"type": "function", "function": function}


def _format(output: OutputFormat | None) -> object:
    if output is None or output.kind == "text":
        return None
    return "json" if output.schema is None else output.schema


def _think(reasoning: Reasoning | None) -> object:
    if reasoning is None:
        return None
    if not reasoning.enabled:
        return False
    if reasoning.if_able or (reasoning.effort is None and reasoning.budget_tokens is None):
        return None  # a model that cannot think refuses to be told; one that can does so anyway
    if reasoning.effort is None:
        return True
    return _EFFORTS.get(reasoning.effort, True)
