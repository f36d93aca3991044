"""A piece of an answer, in no vendor's words. A whole answer is the tuple of its events."""

from enum import StrEnum

import msgspec
from msgspec import Raw

from hx_gateway.core.usage import Usage


class Finish(StrEnum):
    """Why the model stopped."""

    STOP = "stop"
    LENGTH = "length"
    TOOL_USE = "tool_use"
    CONTENT_FILTER = "content_filter"
    REFUSAL = "refusal"
    STOP_SEQUENCE = "stop_sequence"
    PAUSE = "pause"


class Started(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The upstream began to answer."""

    id: str
    model: str
    created: int | None = None


class TextDelta(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """More visible text of a choice."""

    text: str
    choice: int = 0
    logprobs: Raw | None = None


class RefusalDelta(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """More text of a refusal."""

    text: str
    choice: int = 0


class ThinkingDelta(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """More reasoning; `signature` closes a block, `redacted` is a whole opaque block."""

    text: str = ""
    signature: str | None = None
    redacted: str | None = None
    choice: int = 0


class ToolStarted(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A tool call begins; `index` counts the calls of a choice from 0 and stays its handle."""

    index: int
    id: str
    name: str
    choice: int = 0


class ToolDelta(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """More of a tool call's arguments, as JSON text."""

    index: int
    arguments: str
    choice: int = 0


class Finished(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A choice is complete; `stop_sequence` is the text that ended it, where known."""

    reason: Finish
    choice: int = 0
    stop_sequence: str | None = None


class Used(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What the upstream says it counted so far; a later one replaces an earlier one."""

    usage: Usage


class Vector(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """One embedding; `index` is the position of its input."""

    index: int
    values: tuple[float, ...]


class Ranked(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """One document's place in a ranking; `index` is its position in the request."""

    index: int
    score: float
    document: Raw | None = None


class Answered(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A whole answer that nobody translates, as the upstream wrote it."""

    body: Raw


Event = (
    Started
    | TextDelta
    | RefusalDelta
    | ThinkingDelta
    | ToolStarted
    | ToolDelta
    | Finished
    | Used
    | Vector
    | Ranked
    | Answered
)
