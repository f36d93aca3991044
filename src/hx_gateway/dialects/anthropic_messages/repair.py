"""Mend conversations that the vendor would refuse, where that is asked for (`modify_params`).

The vendor wants a user's message first, no empty texts, exactly one result for each tool call, and
tools where there are calls of tools.
"""

from collections.abc import Iterable, Iterator

import msgspec
from msgspec import Raw

from hx_gateway.core.chat import Chat, Message, Role, Text, Tool, ToolResult, ToolUse

OPENING = "."
EMPTY = "(empty message)"
NO_RESULT = "(no result: the tool was not run)"
NO_TOOL = "no_tool"
_ANYTHING = Raw(b'{"type":"object","properties":{}}')


def repaired(chat: Chat) -> tuple[Chat, tuple[str, ...]]:
    """Give a chat that the vendor takes, and notes of what was put in or taken out."""
    messages = tuple(map(_said, _paired(chat.messages)))
    first = next((each for each in messages if each.role is not Role.SYSTEM), None)
    if first is None or first.role is not Role.USER:
        opening = Message(role=Role.USER, parts=(Text(text=OPENING),))
        place = len(messages) if first is None else messages.index(first)
        messages = (*messages[:place], opening, *messages[place:])
    notes: tuple[str, ...] = ()
    if messages != chat.messages:
        chat, notes = msgspec.structs.replace(chat, messages=messages), ("set:messages",)
    if not chat.tools and any(_is_of_a_tool(each) for each in messages):
        tool = Tool(name=NO_TOOL, description="Never call this.", parameters=_ANYTHING)
        chat, notes = msgspec.structs.replace(chat, tools=(tool,)), (*notes, "set:tools")
    return chat, notes


def _paired(messages: Iterable[Message]) -> Iterator[Message]:
    """Give each call of a tool one result right after it, and leave out results of no call."""
    open_calls: dict[str, Message | None] = {}
    for message in messages:
        if message.role is Role.TOOL:
            for part in message.parts:
                if isinstance(part, ToolResult) and part.id in open_calls:
                    open_calls[part.id] = message  # the last one of several
            continue
        yield from _results(open_calls)
        calls = (part for part in message.parts if isinstance(part, ToolUse))
        open_calls = {call.id: None for call in calls}
        yield message
    yield from _results(open_calls)


def _results(calls: dict[str, Message | None]) -> Iterator[Message]:
    for id_, result in calls.items():
        missing = ToolResult(id=id_, parts=(Text(text=NO_RESULT),))
        yield result or Message(role=Role.TOOL, parts=(missing,))


def _said(message: Message) -> Message:
    """Put a word where nothing is said."""
    if message.role is Role.TOOL or any(_is_something(part) for part in message.parts):
        return message
    return msgspec.structs.replace(message, parts=(Text(text=EMPTY),))


def _is_something(part: object) -> bool:
    return not isinstance(part, Text) or bool(part.text.strip())


def _is_of_a_tool(message: Message) -> bool:
    return any(isinstance(part, ToolUse | ToolResult) for part in message.parts)
