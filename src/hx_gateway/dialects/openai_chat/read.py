"""Read a client's chat request into a `Chat`."""

from collections.abc import Mapping

import msgspec
from msgspec import Raw
from msgspec.json import Decoder

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
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
)
from hx_gateway.core.errors import InvalidRequest
from hx_gateway.core.wire import raw as as_raw
from hx_gateway.dialects.fields import (
    ABSENT,
    COUNT,
    NUMBER,
    SWITCH,
    TEXT,
    TEXT_OR_TEXTS,
    FieldReader,
    present,
    texts,
)
from hx_gateway.dialects.foreign import CHAT_ONLY
from hx_gateway.dialects.images import image_of_url


class _ImageUrl(msgspec.Struct):
    url: str
    detail: str | None = None


class _Part(msgspec.Struct):
    type: str
    text: str | None = None
    refusal: str | None = None
    image_url: _ImageUrl | str | None = None
    cache_control: Raw = ABSENT


class _Function(msgspec.Struct):
    name: str
    arguments: str = ""


class _Custom(msgspec.Struct):
    name: str
    input: str = ""


class _ToolCall(msgspec.Struct):
    id: str
    function: _Function | None = None
    custom: _Custom | None = None


class _Thinking(msgspec.Struct):
    thinking: str = ""
    signature: str | None = None
    data: str | None = None


class _Message(msgspec.Struct):
    role: str
    content: str | list[Raw] | None = None
    name: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    thinking_blocks: list[_Thinking] | None = None
    tool_calls: list[_ToolCall] | None = None
    tool_call_id: str | None = None


class _ToolFunction(msgspec.Struct):
    name: str
    description: str | None = None
    parameters: Raw = ABSENT
    strict: bool | None = None


class _CustomFormat(msgspec.Struct):
    grammar: dict[str, Raw] | None = None


class _CustomTool(msgspec.Struct):
    name: str
    description: str | None = None
    format: Raw = ABSENT


class _Tool(msgspec.Struct):
    type: str = "function"
    function: _ToolFunction | None = None
    custom: _CustomTool | None = None
    cache_control: Raw = ABSENT


class _Named(msgspec.Struct):
    name: str


class _ToolChoice(msgspec.Struct):
    type: str = "function"
    function: _Named | None = None


class _Schema(msgspec.Struct):
    schema: Raw = ABSENT
    name: str | None = None
    strict: bool | None = None
    description: str | None = None


class _Format(msgspec.Struct):
    type: str
    json_schema: _Schema | None = None


_MESSAGES = Decoder(list[_Message])
_PART = Decoder(_Part)
_TOOLS = Decoder(list[Raw])
_TOOL = Decoder(_Tool)
_CUSTOM_FORMAT = Decoder(_CustomFormat)
_CHOICE = Decoder(str | _ToolChoice)
_FORMAT = Decoder(_Format)

_ROLES = {
    "system": Role.SYSTEM,
    "developer": Role.SYSTEM,
    "user": Role.USER,
    "assistant": Role.ASSISTANT,
    "tool": Role.TOOL,
}
_OURS = frozenset({"model", "stream", "stream_options"}) | CHAT_ONLY


def read_chat(call: Call) -> Chat:
    """Understand a call; raises InvalidRequest naming the field."""
    fields = FieldReader(call.fields, ignored=_OURS)
    messages = fields.need("messages", _MESSAGES)
    max_tokens = fields.take("max_tokens", COUNT)
    max_completion_tokens = fields.take("max_completion_tokens", COUNT)
    effort = fields.take("reasoning_effort", TEXT)
    return Chat(
        messages=tuple(_message(message, index) for index, message in enumerate(messages)),
        tools=tuple(map(_tool, fields.take("tools", _TOOLS) or ())),
        tool_choice=_tool_choice(fields.take("tool_choice", _CHOICE)),
        parallel_tools=fields.take("parallel_tool_calls", SWITCH),
        max_tokens=max_tokens if max_completion_tokens is None else max_completion_tokens,
        temperature=fields.take("temperature", NUMBER),
        top_p=fields.take("top_p", NUMBER),
        top_k=fields.take("top_k", COUNT),
        stop=texts(fields.take("stop", TEXT_OR_TEXTS)),
        seed=fields.take("seed", COUNT),
        choices=fields.take("n", COUNT),
        frequency_penalty=fields.take("frequency_penalty", NUMBER),
        presence_penalty=fields.take("presence_penalty", NUMBER),
        logprobs=fields.take("logprobs", SWITCH),
        top_logprobs=fields.take("top_logprobs", COUNT),
        output=_output(fields.take("response_format", _FORMAT)),
        reasoning=None if effort is None else Reasoning(effort=effort, enabled=effort != "none"),
        user=fields.take("user", TEXT),
        extra=fields.rest(),
    )


def _message(message: _Message, index: int) -> Message:
    where = f"messages[{index}]"
    role = _ROLES.get(message.role)
    if role is None:
        raise InvalidRequest(f"Unknown role '{message.role}'.", param=f"{where}.role")
    content = _content(message.content, f"{where}.content")
    if role is Role.TOOL:
        return Message(role=role, parts=(_tool_result(message, content, where),))
    return Message(
        role=role,
        parts=(*_thoughts(message), *content, *_refusals(message), *_tool_uses(message)),
        name=message.name,
    )


def _thoughts(message: _Message) -> list[Thinking]:
    if message.thinking_blocks:
        return [
            Thinking(text=block.thinking, signature=block.signature, redacted=block.data)
            for block in message.thinking_blocks
        ]
    return [Thinking(text=message.reasoning_content)] if message.reasoning_content else []


def _refusals(message: _Message) -> list[Refusal]:
    return [Refusal(text=message.refusal)] if message.refusal else []


def _tool_uses(message: _Message) -> list[ToolUse]:
    return [_tool_use(call) for call in message.tool_calls or ()]


def _tool_use(call: _ToolCall) -> ToolUse:
    if call.custom is not None:
        name, text = call.custom.name, call.custom.input
        return ToolUse(id=call.id, name=name, arguments=text, custom=True)
    function = call.function or _Function(name="")
    return ToolUse(id=call.id, name=function.name, arguments=function.arguments)


def _tool_result(message: _Message, content: list[Part], where: str) -> ToolResult:
    if message.tool_call_id is None:
        raise InvalidRequest(
            f"Missing required parameter: '{where}.tool_call_id'.", param=f"{where}.tool_call_id"
        )
    parts = tuple(part for part in content if isinstance(part, Text | Image | Document))
    return ToolResult(id=message.tool_call_id, parts=parts)


def _content(content: str | list[Raw] | None, where: str) -> list[Part]:
    if content is None:
        return []
    if isinstance(content, str):
        return [Text(text=content)]
    return [_part(raw, f"{where}[{index}]") for index, raw in enumerate(content)]


def _part(raw: Raw, where: str) -> Part:
    try:
        part = _PART.decode(raw)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"Invalid value for '{where}': {error}.", param=where) from None
    cache = present(part.cache_control)
    if part.text is not None:
        return Text(text=part.text, cache=cache)
    if part.refusal is not None:
        return Refusal(text=part.refusal)
    if part.image_url is None:
        return Document(kind=part.type, raw=raw.copy(), cache=cache)
    if isinstance(part.image_url, str):
        return image_of_url(part.image_url, cache=cache)
    return image_of_url(part.image_url.url, detail=part.image_url.detail, cache=cache)


def custom_tools(fields: Mapping[str, Raw]) -> frozenset[str]:
    """Name a call's custom tools: their calls are answered in a shape of their own."""
    given = fields.get("tools", ABSENT)
    if bytes(given).find(b'"custom"') < 0:
        return frozenset()
    try:
        return frozenset(tool.name for tool in map(_tool, _TOOLS.decode(given)) if tool.custom)
    except (msgspec.ValidationError, InvalidRequest):
        return frozenset()  # nobody read them: the answer comes from the configuration


def _tool(raw: Raw) -> Tool:
    try:
        tool = _TOOL.decode(raw)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"Invalid value for 'tools': {error}.", param="tools") from None
    if tool.custom is not None:
        custom = tool.custom
        return Tool(
            name=custom.name,
            description=custom.description,
            custom=True,
            format=_flat_format(custom.format),
        )
    if tool.function is None:
        return Tool(name=tool.type, raw=raw.copy(), dialect="openai_chat")
    function = tool.function
    return Tool(
        name=function.name,
        description=function.description,
        parameters=present(function.parameters),
        strict=function.strict,
        cache=present(tool.cache_control),
    )


def _flat_format(given: Raw) -> Raw | None:
    """Take the grammar out of the object that only this format has around it."""
    try:
        grammar = None if present(given) is None else _CUSTOM_FORMAT.decode(given).grammar
    except msgspec.ValidationError:
        grammar = None
    return present(given) if grammar is None else as_raw({"type": "grammar", **grammar})


def _tool_choice(choice: str | _ToolChoice | None) -> ToolChoice | None:
    if choice is None:
        return None
    if isinstance(choice, str):
        return ToolChoice(mode=choice)
    return ToolChoice(mode="tool", name=choice.function.name if choice.function else choice.type)


def _output(wanted: _Format | None) -> OutputFormat | None:
    if wanted is None:
        return None
    schema = wanted.json_schema or _Schema()
    return OutputFormat(
        kind=wanted.type,
        schema=present(schema.schema),
        name=schema.name,
        strict=schema.strict,
        description=schema.description,
    )
