"""Read a client's Responses request into a `Chat`."""

import msgspec
from msgspec import Raw
from msgspec.json import Decoder

from hx_gateway.core import wire
from hx_gateway.core.call import Call
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
    ToolChoice,
    ToolResult,
    ToolUse,
)
from hx_gateway.core.errors import InvalidRequest
from hx_gateway.core.wire import raw
from hx_gateway.dialects.fields import (
    ABSENT,
    COUNT,
    NUMBER,
    SWITCH,
    TEXT,
    FieldReader,
    present,
)
from hx_gateway.dialects.foreign import RESPONSES_ONLY
from hx_gateway.dialects.images import image_of_url
from hx_gateway.dialects.openai_responses.reasoning import unsealed
from hx_gateway.dialects.openai_responses.tools import SEARCH, flat_name, found_names, read_tools


class _Text(msgspec.Struct):
    text: str


class _Part(msgspec.Struct):
    type: str
    text: str | None = None
    refusal: str | None = None
    image_url: str | None = None
    detail: str | None = None


class _Item(msgspec.Struct):
    type: str = "message"
    role: str | None = None
    content: str | list[Raw] | None = None
    call_id: str | None = None
    name: str | None = None
    namespace: str | None = None
    arguments: str | dict[str, Raw] = ""
    input: str = ""
    output: str | list[Raw] = ""
    summary: list[_Text] = []
    execution: str | None = None
    tools: list[Raw] = []
    encrypted_content: str | None = None


class _ToolChoice(msgspec.Struct):
    type: str
    mode: str | None = None
    name: str | None = None


class _Format(msgspec.Struct):
    type: str = "text"
    name: str | None = None
    schema: Raw = ABSENT
    strict: bool | None = None
    description: str | None = None


class _TextConfig(msgspec.Struct):
    format: _Format | None = None
    verbosity: str | None = None


class _Reasoning(msgspec.Struct):
    effort: str | None = None
    summary: str | None = None


_INCLUDE = Decoder(list[str])
_INPUT = Decoder(str | list[Raw])
_ITEM = Decoder(_Item)
_PART = Decoder(_Part)
_CHOICE = Decoder(str | _ToolChoice)
_TEXT_CONFIG = Decoder(_TextConfig)
_REASONING = Decoder(_Reasoning)

_ROLES = {
    "user": Role.USER,
    "system": Role.SYSTEM,
    "developer": Role.SYSTEM,
    "assistant": Role.ASSISTANT,
}
# What the gateway itself does: it keeps the answer, with its metadata, and knows earlier ones.
_KEPT = frozenset({"store", "metadata", "previous_response_id"})
_OURS = frozenset({"model", "stream", "tools"}) | RESPONSES_ONLY | _KEPT
# Without these a translated call would mean something else, so they are refused and not dropped.
_NEEDED = ("conversation", "prompt", "background")
# What only its vendor's own tools did on the way: the next answer does not depend on it.
_PASSING = frozenset(
    {
        "web_search_call", "file_search_call", "code_interpreter_call", "image_generation_call",
        "mcp_list_tools", "additional_tools", "compaction", "context_compaction",
        "ghost_snapshot",
    }
)  # fmt: skip
_SEARCHES = frozenset({"tool_search_call", "tool_search_output"})
_NOTHING = (None, Raw(b"null"), Raw(b"false"))


def read_chat(call: Call) -> Chat:
    """Understand a call; raises InvalidRequest naming the field."""
    fields = FieldReader(call.fields, ignored=_OURS)
    for name in _NEEDED:
        if call.fields.get(name) not in _NOTHING:
            raise InvalidRequest(f"This model does not support '{name}'.", param=name)
    config = fields.take("text", _TEXT_CONFIG) or _TextConfig()
    reasoning = fields.take("reasoning", _REASONING)
    top_logprobs = fields.take("top_logprobs", COUNT)
    return Chat(
        messages=(*_instructions(fields), *_messages(fields.need("input", _INPUT))),
        tools=read_tools(call.fields),
        tool_choice=_tool_choice(fields.take("tool_choice", _CHOICE)),
        parallel_tools=fields.take("parallel_tool_calls", SWITCH),
        max_tokens=fields.take("max_output_tokens", COUNT),
        temperature=fields.take("temperature", NUMBER),
        top_p=fields.take("top_p", NUMBER),
        logprobs=_wants_logprobs(fields, top_logprobs),
        top_logprobs=top_logprobs,
        output=_output(config.format),
        reasoning=None if reasoning is None else _thinking(reasoning),
        user=fields.take("user", TEXT),
        extra=_extra(fields, config.verbosity),
    )


def _wants_logprobs(fields: FieldReader, top_logprobs: int | None) -> bool | None:
    include = fields.take("include", _INCLUDE) or ()
    return True if top_logprobs is not None or "message.output_text.logprobs" in include else None


def _extra(fields: FieldReader, verbosity: str | None) -> dict[str, Raw]:
    rest = fields.rest()
    return rest if verbosity is None else {**rest, "verbosity": raw(verbosity)}


def _instructions(fields: FieldReader) -> list[Message]:
    text = fields.take("instructions", TEXT)
    return [Message(role=Role.SYSTEM, parts=(Text(text=text),))] if text else []


def _messages(given: str | list[Raw]) -> list[Message]:
    """Join neighbouring items of the model: elsewhere thoughts, text and calls are one turn."""
    if isinstance(given, str):
        return [Message(role=Role.USER, parts=(Text(text=given),))]
    joined: list[Message] = []
    for index, item in enumerate(given):
        message = _message(item, f"input[{index}]")
        if message is None:
            continue
        last = joined[-1] if joined else None
        if last is not None and last.role is Role.ASSISTANT is message.role:
            joined[-1] = Message(role=last.role, parts=(*last.parts, *message.parts))
        else:
            joined.append(message)
    return joined


def _message(data: Raw, where: str) -> Message | None:
    try:
        item = _ITEM.decode(data)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"Invalid value for '{where}': {error}.", param=where) from None
    if item.type in _PASSING or (item.type in _SEARCHES and item.execution != "client"):
        return None
    match item.type:
        case "message":
            role = _ROLES.get(item.role or "")
            if role is None:
                raise InvalidRequest(f"Unknown role '{item.role}'.", param=f"{where}.role")
            return Message(role=role, parts=tuple(_content(item.content, f"{where}.content")))
        case "function_call" | "custom_tool_call" | "tool_search_call":
            return Message(role=Role.ASSISTANT, parts=(_tool_use(item),))
        case "function_call_output" | "custom_tool_call_output" | "tool_search_output":
            return Message(role=Role.TOOL, parts=(_tool_result(item, where),))
        case "reasoning":
            return Message(role=Role.ASSISTANT, parts=(_thought(item, where),))
        case _:
            raise InvalidRequest(
                f"This model does not take input items of the type '{item.type}'.", param=where
            )


def _tool_use(item: _Item) -> ToolUse:
    custom = item.type == "custom_tool_call"
    name = SEARCH if item.type == "tool_search_call" else item.name or ""
    given = item.arguments
    arguments = given if isinstance(given, str) else wire.encode(given).decode()
    return ToolUse(
        id=item.call_id or "",
        name=flat_name(item.namespace, name),
        arguments=item.input if custom else arguments,
        custom=custom,
    )


def _thought(item: _Item, where: str) -> Thinking:
    signature, redacted = unsealed(item.encrypted_content)
    text = "\n\n".join(part.text for part in item.summary) or _reasoned(item, where)
    return Thinking(text=text, signature=signature, redacted=redacted)


def _reasoned(item: _Item, where: str) -> str:
    """Read the open thoughts that some models give in place of a summary."""
    parts = _content(item.content, f"{where}.content")
    return "".join(part.text for part in parts if isinstance(part, Text))


def _tool_result(item: _Item, where: str) -> ToolResult:
    if item.type == "tool_search_output":
        names = ", ".join(found_names(item.tools))
        found = Text(text=f"Tools found: {names}." if names else "No tools found.")
        return ToolResult(id=item.call_id or "", parts=(found,))
    parts = _content(item.output, f"{where}.output")
    return ToolResult(
        id=item.call_id or "",
        parts=tuple(part for part in parts if isinstance(part, Text | Image | Document)),
    )


def _content(content: str | list[Raw] | None, where: str) -> list[Part]:
    if isinstance(content, str):
        return [Text(text=content)]
    return [_part(part, f"{where}[{index}]") for index, part in enumerate(content or ())]


def _part(data: Raw, where: str) -> Part:
    try:
        part = _PART.decode(data)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"Invalid value for '{where}': {error}.", param=where) from None
    if part.text is not None:
        return Text(text=part.text)
    if part.refusal is not None:
        return Refusal(text=part.refusal)
    if part.image_url is not None:
        return image_of_url(part.image_url, detail=part.detail)
    return Document(kind=part.type, raw=data.copy())


def _tool_choice(choice: str | _ToolChoice | None) -> ToolChoice | None:
    if choice is None:
        return None
    if isinstance(choice, str):
        return ToolChoice(mode=choice)
    if choice.type == "allowed_tools":
        return ToolChoice(mode=choice.mode or "auto")
    return ToolChoice(mode="tool", name=choice.name or choice.type)


def _output(wanted: _Format | None) -> OutputFormat | None:
    if wanted is None:
        return None
    return OutputFormat(
        kind=wanted.type,
        schema=present(wanted.schema),
        name=wanted.name,
        strict=wanted.strict,
        description=wanted.description,
    )


def _thinking(wanted: _Reasoning) -> Reasoning:
    return Reasoning(effort=wanted.effort, summary=wanted.summary, enabled=wanted.effort != "none")
