"""Tools between the formats: what an upstream has no word for is put in words it has, or left out.

A custom tool (OpenAI's) takes any text. Elsewhere it is a function whose one argument is that text.
"""

import msgspec
from msgspec import Raw

from hx_gateway.core import wire
from hx_gateway.core.chat import Chat, Message, Part, Tool, ToolUse
from hx_gateway.core.wire import NOT_JSON

INPUT = "input"
_PARAMETERS = wire.raw(
    {"type": "object", "properties": {INPUT: {"type": "string"}}, "required": [INPUT]}
)


class _Arguments(msgspec.Struct):
    input: str


class _Grammar(msgspec.Struct):
    syntax: str | None = None
    definition: str | None = None


_ARGUMENTS = msgspec.json.Decoder(_Arguments)
_GRAMMAR = msgspec.json.Decoder(_Grammar)


def speakable(chat: Chat, dialect: str) -> Chat:
    """Give a chat without tools of other formats, and with custom tools as functions.

    A choice among no tools is refused by some vendors, so it goes with the last tool.
    """
    tools = tuple(
        as_function(tool) if tool.custom else tool
        for tool in chat.tools
        if tool.raw is None or tool.dialect == dialect
    )
    changed: dict[str, object] = {}
    if tools != chat.tools:
        changed["tools"] = tools
    if not tools and (chat.tool_choice is not None or chat.parallel_tools is not None):
        changed |= {"tool_choice": None, "parallel_tools": None}
    if any(map(_calls_custom, chat.messages)):
        changed["messages"] = tuple(map(_without_custom, chat.messages))
    return msgspec.structs.replace(chat, **changed) if changed else chat


def foreign_tools(chat: Chat, dialect: str) -> bool:
    """Tell whether some tool cannot be said in a format."""
    return any(tool.raw is not None and tool.dialect != dialect for tool in chat.tools)


def as_function(tool: Tool) -> Tool:
    """Write a custom tool as a function; its grammar becomes part of the description."""
    texts = [tool.description or ""]
    if tool.format is not None:
        texts.append(_grammar_text(tool.format))
    description = "\n\n".join(filter(None, texts)) or None
    return Tool(name=tool.name, description=description, parameters=_PARAMETERS, cache=tool.cache)


def as_arguments(text: str) -> str:
    """Write the text for a custom tool as the arguments of its function."""
    return wire.encode({INPUT: text}).decode()


def as_text(arguments: str) -> str:
    """Read the arguments of such a function as the text; a model's own idea of them stays whole."""
    try:
        return _ARGUMENTS.decode(arguments).input
    except NOT_JSON:
        return arguments


def _grammar_text(format_: Raw) -> str:
    try:
        grammar = _GRAMMAR.decode(format_)
    except NOT_JSON:
        return ""
    if grammar.definition is None:
        return ""
    return f"The input must follow this {grammar.syntax or ''} grammar:\n{grammar.definition}"


def _calls_custom(message: Message) -> bool:
    return any(isinstance(part, ToolUse) and part.custom for part in message.parts)


def _without_custom(message: Message) -> Message:
    return msgspec.structs.replace(message, parts=tuple(map(_plain, message.parts)))


def _plain(part: Part) -> Part:
    if not isinstance(part, ToolUse) or not part.custom:
        return part
    arguments = as_arguments(part.arguments)
    return msgspec.structs.replace(part, arguments=arguments, custom=False)
