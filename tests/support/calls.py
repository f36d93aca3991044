"""Calls and streams for tests of the dialects, with only what matters to the test."""

from collections.abc import Iterable

import msgspec

from hx_gateway.core import wire
from hx_gateway.core.call import Call, Operation
from hx_gateway.core.event import Event, TextDelta, ThinkingDelta, ToolDelta, ToolStarted
from hx_gateway.core.provider import Decoder


def call(body: dict[str, object] | bytes, dialect: str = "openai_chat", **fields: object) -> Call:
    """One call with this body; further fields are the Call's own."""
    data = body if isinstance(body, bytes) else wire.encode(body)
    base = Call(
        id="call-1",
        operation=Operation.CHAT,
        dialect=dialect,
        model="public",
        fields=wire.decode_fields(data),
        created=1_700_000_000,
    )
    return msgspec.structs.replace(base, **fields)


def ask(text: str = "Hi", /, **fields: object) -> Call:
    """One chat call of one user message."""
    return call({"model": "public", "messages": [{"role": "user", "content": text}], **fields})


def plain(fields: dict[str, msgspec.Raw]) -> dict[str, object]:
    """Decode the fields of a body, to compare them."""
    return {name: wire.decode_any(value) for name, value in fields.items()}


def drained(decoder: Decoder, *data: bytes) -> list[Event]:
    """Decode a whole stream."""
    return [*(event for piece in data for event in decoder.feed(piece)), *decoder.end()]


def said(events: Iterable[Event]) -> str:
    """All visible text."""
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def thought(events: Iterable[Event]) -> str:
    """All reasoning text."""
    return "".join(event.text for event in events if isinstance(event, ThinkingDelta))


def tool_calls(events: Iterable[Event]) -> list[tuple[str, str, str]]:
    """Every tool call as id, name and whole arguments."""
    calls: dict[int, list[str]] = {}
    for event in events:
        if isinstance(event, ToolStarted):
            calls[event.index] = [event.id, event.name, ""]
        elif isinstance(event, ToolDelta):
            calls[event.index][2] += event.arguments
    return [(id_, name, arguments) for id_, name, arguments in calls.values()]
