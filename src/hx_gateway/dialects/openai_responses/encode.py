"""Write a `Chat` as a Responses request for an upstream."""

from collections.abc import Iterator

from msgspec import Raw

from hx_gateway.core.chat import (
    Chat,
    Document,
    Image,
    Message,
    OutputFormat,
    Part,
    Reasoning,
    Refusal,
    Role,
    Text,
    Thinking,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
)
from hx_gateway.core.wire import Fields, raw
from hx_gateway.dialects.documents import plain_text, responses_document
from hx_gateway.dialects.images import url_of
from hx_gateway.dialects.openai_chat.encode import effort_of
from hx_gateway.dialects.openai_responses.reasoning import own_seal
from hx_gateway.dialects.user import short_user

Json = dict[str, object]

DIALECT = "openai_responses"


def encode_chat(chat: Chat, model: str, *, stream: bool) -> Fields:
    """Write the body. The upstream stores nothing: the client sends its whole conversation."""
    instructions, messages = _instructions(chat.messages)
    customs = frozenset(
        part.id for m in messages for part in m.parts if isinstance(part, ToolUse) and part.custom
    )
    extra = dict(chat.extra)
    tools = [_tool(tool) for tool in chat.tools if tool.raw is None or tool.dialect == DIALECT]
    wanted: Json = {
        "instructions": instructions,
        "input": [item for message in messages for item in _items(message, customs)],
        "tools": tools or None,
        "tool_choice": _tool_choice(chat.tool_choice) if tools else None,
        "parallel_tool_calls": chat.parallel_tools if tools else None,
        "max_output_tokens": chat.max_tokens,
        "temperature": chat.temperature,
        "top_p": chat.top_p,
        "top_logprobs": chat.top_logprobs,
        "text": _text_config(chat.output, extra.pop("verbosity", None)),
        "reasoning": _reasoning(chat.reasoning),
        "include": _include(chat),
        "user": short_user(chat.user),
    }
    fields: Fields = {"model": raw(model)}
    fields.update((name, raw(value)) for name, value in wanted.items() if value is not None)
    if stream:
        fields["stream"] = raw(stream)
    return {"store": raw(False), **extra, **fields}  # noqa: FBT003 - the JSON value itself


def _instructions(messages: tuple[Message, ...]) -> tuple[str | None, tuple[Message, ...]]:
    first = messages[0] if messages else None
    if first is None or first.role is not Role.SYSTEM:
        return None, messages
    texts = [part.text for part in first.parts if isinstance(part, Text)]
    return "\n\n".join(texts), messages[1:]


def _items(message: Message, customs: frozenset[str]) -> Iterator[Json | Raw]:
    """Give the items of one turn in their order: text, calls and thoughts are apart here."""
    content: list[Part] = []
    for part in message.parts:
        if isinstance(part, Text | Image | Document | Refusal):
            content.append(part)
            continue
        yield from _content_item(message.role, content)
        content = []
        yield from _own_item(part, customs)
    yield from _content_item(message.role, content)


def _own_item(part: Part, customs: frozenset[str]) -> Iterator[Json]:
    match part:
        case ToolUse(custom=True):
            yield {
                "type": "custom_tool_call",
                "call_id": part.id,
                "name": part.name,
                "input": part.arguments,
            }
        case ToolUse():
            yield {
                "type": "function_call",
                "call_id": part.id,
                "name": part.name,
                "arguments": part.arguments or "{}",
            }
        case ToolResult():
            yield {
                "type": "custom_tool_call_output" if part.id in customs else "function_call_output",
                "call_id": part.id,
                "output": _tool_output(part),
            }
        case Thinking() if (encrypted := own_seal(part.signature)) is not None:
            summary = [{"type": "summary_text", "text": part.text}] if part.text else []
            yield {"type": "reasoning", "summary": summary, "encrypted_content": encrypted}
        case _:
            pass  # thoughts without a seal, or with that of another vendor, are refused


def _content_item(role: Role, content: list[Part]) -> Iterator[Json]:
    if not content:
        return
    name = "developer" if role is Role.SYSTEM else role.value
    if len(content) == 1 and isinstance(content[0], Text):
        yield {"type": "message", "role": name, "content": content[0].text}
        return
    parts = [_part(part, role) for part in content]
    yield {"type": "message", "role": name, "content": parts}


def _part(part: Part, role: Role) -> Json | Raw:
    match part:
        case Image():
            return {
                "type": "input_image",
                "image_url": url_of(part),
                "detail": part.detail or "auto",
            }
        case Document() if (text := plain_text(part)) is not None:
            return {"type": "input_text", "text": text}
        case Document():
            return responses_document(part)
        case Refusal():
            return {"type": "refusal", "refusal": part.text}
        case _:
            kind = "output_text" if role is Role.ASSISTANT else "input_text"
            return {"type": kind, "text": getattr(part, "text", "")}


def _tool_output(result: ToolResult) -> str | list[Json | Raw]:
    texts = [part.text for part in result.parts if isinstance(part, Text)]
    if len(texts) == len(result.parts):
        return "\n".join(texts)
    return [_part(part, Role.TOOL) for part in result.parts]


def _tool(tool: Tool) -> Json | Raw:
    if tool.raw is not None:
        return tool.raw
    if tool.custom:
        optional: Json = {"description": tool.description, "format": tool.format}
        shown = {name: value for name, value in optional.items() if value is not None}
        return {"type": "custom", "name": tool.name, **shown}
    # Here `strict` is on unless said otherwise, and would refuse most schemas of other formats.
    written: Json = {"type": "function", "name": tool.name, "strict": bool(tool.strict)}
    if tool.description is not None:
        written["description"] = tool.description
    written["parameters"] = {} if tool.parameters is None else tool.parameters
    return written


def _tool_choice(choice: ToolChoice | None) -> str | Json | None:
    if choice is None or choice.name is None:
        return None if choice is None else choice.mode
    return {"type": "function", "name": choice.name}


def _text_config(output: OutputFormat | None, verbosity: Raw | None) -> Json | None:
    config: Json = {} if verbosity is None else {"verbosity": verbosity}
    if output is not None:
        config["format"] = _format(output)
    return config or None


def _format(output: OutputFormat) -> Json:
    written: Json = {"type": output.kind}
    if output.kind == "json_schema":
        optional: Json = {
            "name": output.name or "answer",
            "schema": output.schema,
            "strict": output.strict,
            "description": output.description,
        }
        written |= {name: value for name, value in optional.items() if value is not None}
    return written


def _reasoning(reasoning: Reasoning | None) -> Json | None:
    if reasoning is None:
        return None
    effort = reasoning.effort
    if effort is None:
        effort = effort_of(reasoning.budget_tokens) if reasoning.enabled else "none"
    summary: Json = {} if reasoning.summary is None else {"summary": reasoning.summary}
    return {"effort": effort, **summary}


def _include(chat: Chat) -> list[str] | None:
    """Ask for what a client must send back; models that do not reason refuse to be asked."""
    thinks = chat.reasoning is not None and chat.reasoning.enabled
    wanted = ["reasoning.encrypted_content"] if thinks else []
    if chat.logprobs:
        wanted.append("message.output_text.logprobs")
    return wanted or None
