"""Read a client's Messages request into a `Chat`."""

from collections.abc import Iterator

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
    Role,
    Text,
    Thinking,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
)
from hx_gateway.core.errors import InvalidRequest
from hx_gateway.dialects.fields import (
    ABSENT,
    COUNT,
    NUMBER,
    TEXT_OR_TEXTS,
    FieldReader,
    present,
    texts,
)
from hx_gateway.dialects.foreign import MESSAGES_ONLY


class _Source(msgspec.Struct):
    type: str
    media_type: str | None = None
    data: str | None = None
    url: str | None = None


class _Block(msgspec.Struct):
    type: str
    text: str | None = None
    source: _Source | None = None
    id: str | None = None
    name: str | None = None
    input: Raw = ABSENT
    tool_use_id: str | None = None
    content: str | list[Raw] | None = None
    is_error: bool | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None
    cache_control: Raw = ABSENT


class _Type(msgspec.Struct):
    type: str


class _Message(msgspec.Struct):
    role: str
    content: str | list[Raw]


class _Tool(msgspec.Struct):
    name: str
    type: str | None = None
    description: str | None = None
    input_schema: Raw = ABSENT
    strict: bool | None = None
    cache_control: Raw = ABSENT


class _ChangedTool(msgspec.Struct):
    name: str | None = None
    definition: Raw = ABSENT


class _Change(msgspec.Struct):
    type: str
    tool: _ChangedTool


class _ToolChoice(msgspec.Struct):
    type: str
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class _Thinking(msgspec.Struct):
    type: str
    budget_tokens: int | None = None


class _Format(msgspec.Struct):
    type: str
    schema: Raw = ABSENT


class _OutputConfig(msgspec.Struct):
    effort: str | None = None
    format: _Format | None = None


class _Metadata(msgspec.Struct):
    user_id: str | None = None


DIALECT = "anthropic_messages"
# A block that one client puts before its system prompt; it differs from call to call, so that no
# upstream but its own could keep a prompt in its cache.
_BILLING = "x-anthropic-billing-header:"
_MESSAGES = Decoder(list[_Message])
_SYSTEM = Decoder(str | list[Raw])
_BLOCK = Decoder(_Block)
_TYPE = Decoder(_Type)
_TOOLS = Decoder(list[Raw])
_TOOL = Decoder(_Tool)
_CHANGE = Decoder(_Change)
_CHOICE = Decoder(_ToolChoice)
_THINKING = Decoder(_Thinking)
_CONFIG = Decoder(_OutputConfig)
_FORMAT = Decoder(_Format)
_METADATA = Decoder(_Metadata)

_ROLES = {"user": Role.USER, "assistant": Role.ASSISTANT, "system": Role.SYSTEM}
_MODES = {"auto": "auto", "any": "required", "none": "none", "tool": "tool"}
_OURS = frozenset({"model", "stream"}) | MESSAGES_ONLY
# Blocks that are read; all others (search results, files ...) are kept as they are.
_KNOWN = frozenset(
    {
        "text", "image", "tool_use", "tool_result", "thinking", "redacted_thinking", "compaction",
    }
)  # fmt: skip
_CHANGES = (b'"tool_addition"', b'"tool_removal"')
# What only its vendor's own tools did on the way: the next answer does not depend on it.
_PASSING = frozenset(
    {
        "server_tool_use", "web_search_tool_result", "web_fetch_tool_result",
        "code_execution_tool_result", "bash_code_execution_tool_result",
        "text_editor_code_execution_tool_result", "tool_search_tool_result", "mcp_tool_use",
        "mcp_tool_result", "mcp_tool_listing", "advisor_tool_result", "tool_addition",
        "tool_removal", "fallback",
    }
)  # fmt: skip


def read_chat(call: Call) -> Chat:
    """Understand a call; raises InvalidRequest naming the field."""
    fields = FieldReader(call.fields, ignored=_OURS)
    messages = fields.need("messages", _MESSAGES)
    choice = fields.take("tool_choice", _CHOICE)
    config = fields.take("output_config", _CONFIG) or _OutputConfig()
    metadata = fields.take("metadata", _METADATA) or _Metadata()
    return Chat(
        messages=(*_system(fields), *_messages(messages)),
        tools=_tools(fields.take("tools", _TOOLS) or [], messages, call.fields["messages"]),
        tool_choice=_tool_choice(choice),
        parallel_tools=None if choice is None else _parallel(choice),
        max_tokens=fields.take("max_tokens", COUNT),
        temperature=fields.take("temperature", NUMBER),
        top_p=fields.take("top_p", NUMBER),
        top_k=fields.take("top_k", COUNT),
        stop=texts(fields.take("stop_sequences", TEXT_OR_TEXTS)),
        # `output_format` was the beta's name for what is now in `output_config`.
        output=_output(config.format or fields.take("output_format", _FORMAT)),
        reasoning=_reasoning(fields.take("thinking", _THINKING), config.effort),
        user=metadata.user_id,
        extra=fields.rest(),
    )


def _system(fields: FieldReader) -> list[Message]:
    system = fields.take("system", _SYSTEM)
    if not system:
        return []
    parts = tuple(part for part in _content(system, "system") if not _is_billing(part))
    return [Message(role=Role.SYSTEM, parts=parts)] if parts else []


def _is_billing(part: Part) -> bool:
    return isinstance(part, Text) and part.text.startswith(_BILLING)


def _messages(messages: list[_Message]) -> Iterator[Message]:
    for index, message in enumerate(messages):
        role = _ROLES.get(message.role)
        where = f"messages[{index}]"
        if role is None:
            raise InvalidRequest(f"Unknown role '{message.role}'.", param=f"{where}.role")
        parts = _content(message.content, f"{where}.content")
        if parts or not message.content:
            yield from _turns(role, parts)


def _turns(role: Role, parts: list[Part]) -> Iterator[Message]:
    """Give each tool result a message of its own, and what is between them one each."""
    rest: list[Part] = []
    for part in parts:
        if not isinstance(part, ToolResult):
            rest.append(part)
            continue
        if rest:
            yield Message(role=role, parts=tuple(rest))
            rest = []
        yield Message(role=Role.TOOL, parts=(part,))
    if rest or not parts:
        yield Message(role=role, parts=tuple(rest))


def _content(content: str | list[Raw], where: str) -> list[Part]:
    if isinstance(content, str):
        return [Text(text=content)]
    parts = (_part(raw, f"{where}[{index}]") for index, raw in enumerate(content))
    return [part for part in parts if part is not None]


def _part(raw: Raw, where: str) -> Part | None:
    try:
        kind = _TYPE.decode(raw).type
        if kind in _PASSING:
            return None
        if kind not in _KNOWN:
            return Document(kind=kind, raw=raw.copy())
        return _known(_BLOCK.decode(raw), raw, where)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"Invalid value for '{where}': {error}.", param=where) from None


def _known(block: _Block, raw: Raw, where: str) -> Part | None:
    match block.type:
        case "thinking" | "redacted_thinking":
            return Thinking(
                text=block.thinking or "", signature=block.signature or None, redacted=block.data
            )
        case "tool_use":
            return _tool_use(block)
        case "tool_result":
            return _tool_result(block, where)
        case "image" if block.source is not None:
            return _image(block.source, raw, present(block.cache_control))
        case "compaction":  # the summary of what was said before; null where it failed
            return Text(text=block.content) if isinstance(block.content, str) else None
        case _:
            return Text(text=block.text or "", cache=present(block.cache_control))


def _tool_use(block: _Block) -> ToolUse:
    return ToolUse(
        id=block.id or "",
        name=block.name or "",
        arguments=bytes(present(block.input) or b"{}").decode(),
        cache=present(block.cache_control),
    )


def _tool_result(block: _Block, where: str) -> ToolResult:
    parts = _content(block.content or [], f"{where}.content")
    return ToolResult(
        id=block.tool_use_id or "",
        parts=tuple(part for part in parts if isinstance(part, Text | Image | Document)),
        is_error=bool(block.is_error),
        cache=present(block.cache_control),
    )


def _image(source: _Source, raw: Raw, cache: Raw | None) -> Image | Document:
    if source.data is None and source.url is None:
        return Document(kind="image", raw=raw.copy(), cache=cache)  # a file id
    return Image(url=source.url, data=source.data, media_type=source.media_type, cache=cache)


def _tools(given: list[Raw], messages: list[_Message], raw: Raw) -> tuple[Tool, ...]:
    """Read the tools as they are at the end: a conversation may add and withdraw some."""
    tools = tuple(map(_tool, given))
    said = bytes(raw)
    if not any(said.find(mark) >= 0 for mark in _CHANGES):
        return tools
    known = {tool.name: tool for tool in tools}
    offered = dict(known)
    for message in messages:
        for block in message.content if message.role == "system" else ():
            if isinstance(block, Raw):
                _change(offered, known, block)
    return tuple(offered.values())


def _change(offered: dict[str, Tool], known: dict[str, Tool], block: Raw) -> None:
    if _TYPE.decode(block).type not in {"tool_addition", "tool_removal"}:
        return
    try:
        change = _CHANGE.decode(block)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"Invalid change of tools: {error}.", param="messages") from None
    defined = present(change.tool.definition)
    tool = known.get(change.tool.name or "") if defined is None else _tool(defined)
    if tool is None:
        return
    known[tool.name] = tool
    offered.pop(tool.name, None)
    if change.type == "tool_addition":
        offered[tool.name] = tool


def _tool(raw: Raw) -> Tool:
    try:
        tool = _TOOL.decode(raw)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"Invalid value for 'tools': {error}.", param="tools") from None
    if tool.type not in {None, "custom"}:
        return Tool(name=tool.name, raw=raw.copy(), dialect=DIALECT)
    return Tool(
        name=tool.name,
        description=tool.description,
        parameters=present(tool.input_schema),
        strict=tool.strict,
        cache=present(tool.cache_control),
    )


def _tool_choice(choice: _ToolChoice | None) -> ToolChoice | None:
    if choice is None:
        return None
    mode = _MODES.get(choice.type)
    if mode is None:
        raise InvalidRequest(f"Unknown tool choice '{choice.type}'.", param="tool_choice.type")
    return ToolChoice(mode=mode, name=choice.name)


def _parallel(choice: _ToolChoice) -> bool | None:
    disabled = choice.disable_parallel_tool_use
    return None if disabled is None else not disabled


def _output(wanted: _Format | None) -> OutputFormat | None:
    return None if wanted is None else OutputFormat(kind=wanted.type, schema=present(wanted.schema))


def _reasoning(thinking: _Thinking | None, effort: str | None) -> Reasoning | None:
    if thinking is None:
        return None if effort is None else Reasoning(effort=effort, if_able=True)
    return Reasoning(
        effort=effort,
        budget_tokens=thinking.budget_tokens,
        enabled=thinking.type != "disabled",
        if_able=thinking.type == "adaptive",
    )
