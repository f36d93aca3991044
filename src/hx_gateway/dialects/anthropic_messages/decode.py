"""Read an upstream's Messages answer, whole or as a stream, into events."""

import msgspec
from msgspec import Raw
from msgspec.json import Decoder

from hx_gateway.core.errors import Garbled, Interrupted, UpstreamError
from hx_gateway.core.event import (
    Event,
    Finish,
    Finished,
    Started,
    TextDelta,
    ThinkingDelta,
    ToolDelta,
    ToolStarted,
    Used,
)
from hx_gateway.core.usage import Usage
from hx_gateway.core.wire import NOT_JSON
from hx_gateway.dialects import sse
from hx_gateway.dialects.anthropic_messages.errors import find_fault, stream_fault
from hx_gateway.dialects.anthropic_messages.usage import WireUsage
from hx_gateway.dialects.fields import ABSENT, json_text
from hx_gateway.dialects.frame import TextFrame

FINISHES = {
    "end_turn": Finish.STOP,
    "max_tokens": Finish.LENGTH,
    "model_context_window_exceeded": Finish.LENGTH,
    "stop_sequence": Finish.STOP_SEQUENCE,
    "tool_use": Finish.TOOL_USE,
    "pause_turn": Finish.PAUSE,
    "refusal": Finish.REFUSAL,
}
_EMPTY_INPUTS = ("", "{}", "null")


class _Block(msgspec.Struct):
    type: str
    text: str = ""
    thinking: str = ""
    signature: str | None = None
    data: str | None = None
    id: str = ""
    name: str = ""
    input: Raw = ABSENT


class _Delta(msgspec.Struct):
    type: str | None = None
    text: str = ""
    thinking: str = ""
    signature: str | None = None
    partial_json: str = ""
    stop_reason: str | None = None
    stop_sequence: str | None = None


class _Message(msgspec.Struct):
    content: list[_Block]
    id: str = ""
    model: str = ""
    stop_reason: str | None = None
    stop_sequence: str | None = None
    usage: WireUsage | None = None


class _Event(msgspec.Struct):
    type: str
    index: int = 0
    message: _Message | None = None
    content_block: _Block | None = None
    delta: _Delta | None = None
    usage: WireUsage | None = None


class _Seen(msgspec.Struct):
    content: list[Raw]
    usage: WireUsage | None = None


_MESSAGE = Decoder(_Message)
_EVENT = Decoder(_Event)
_SEEN = Decoder(_Seen)


def decode_message(body: bytes) -> list[Event]:
    """Read a whole answer; raises Garbled when it is none."""
    try:
        message = _MESSAGE.decode(body)
    except NOT_JSON:
        raise _no_message(body) from None
    decoder = MessageDecoder()
    events = decoder.begin(message)
    for index, block in enumerate(message.content):
        events += decoder.open(index, block)
        events += decoder.close(index)
    events.append(_finished(message.stop_reason, message.stop_sequence))
    # Used comes last, as in a stream, where the final count follows the reason.
    used = [event for event in events if isinstance(event, Used)]
    return [*(event for event in events if not isinstance(event, Used)), *used]


def find_usage(body: bytes) -> Usage | None:
    """Find the usage of a whole answer that is relayed; raises Garbled when it is none."""
    try:
        seen = _SEEN.decode(body)
    except NOT_JSON:
        raise _no_message(body) from None
    return None if seen.usage is None else seen.usage.over(None)


def decode_event(data: bytes) -> _Event:
    """Read the data of one event; raises the fault that it is, or Garbled."""
    try:
        event = _EVENT.decode(data)
    except NOT_JSON:
        raise Garbled("The upstream sent an event that is not JSON.") from None
    if event.type == "error":
        raise stream_fault(data)
    return event


def stop_reason(event: _Event) -> str | None:
    """Get why the answer ends, which precedes its end."""
    return None if event.delta is None else event.delta.stop_reason


class MessageDecoder:
    """Reads one stream."""

    __slots__ = (
        "_complete",
        "_frame",
        "_has_reason",
        "_parser",
        "_started",
        "_tools",
        "_unfilled",
        "_usage",
    )

    def __init__(self) -> None:
        self._parser = sse.SseParser()
        self._frame = TextFrame(b'"text":"')
        self._started = False
        self._has_reason = False
        self._complete = False
        self._usage: Usage | None = None
        self._tools: dict[int, int] = {}
        self._unfilled: set[int] = set()

    @property
    def over(self) -> bool:
        """See `Decoder`."""
        return self._complete

    def feed(self, data: bytes) -> list[Event]:
        """See `Decoder`."""
        is_whole = self._parser.is_between
        if is_whole and (plain := self._frame.read(data)) is not None:
            return [plain]
        events: list[Event] = []
        read = self._parser.feed(data)
        for _, payload in read:
            if self._complete:
                break
            event = decode_event(payload)
            delta = event.delta
            if event.type == "content_block_delta" and delta is not None:
                events += self._delta(event.index, delta)
            else:
                events += self._read(event)
        if is_whole and len(read) == 1 and self._parser.is_between:
            self._frame.learn(data, events)
        return events

    def end(self) -> list[Event]:
        """See `Decoder`."""
        if self._complete:
            return []
        if self._started:
            raise Interrupted("The upstream broke off its answer.")
        raise Garbled("The upstream ended its answer before it began.")

    def begin(self, message: _Message) -> list[Event]:
        """Read what is known from the beginning."""
        self._started = True
        started = Started(id=message.id, model=message.model)
        return [started, *self._use(message.usage)]

    def open(self, index: int, block: _Block) -> list[Event]:
        """Read the beginning of a block; blocks of unknown kinds have no words here."""
        match block.type:
            case "text":
                return [TextDelta(text=block.text)] if block.text else []
            case "thinking":
                thought = ThinkingDelta(text=block.thinking, signature=block.signature or None)
                return [thought] if block.thinking or block.signature else []
            case "redacted_thinking":
                return [ThinkingDelta(redacted=block.data or "")]
            case "tool_use":
                return self._open_tool(index, block)
            case _:
                return []

    def close(self, index: int) -> list[Event]:
        """Read the end of a block: a tool without input was called with an empty object."""
        if index not in self._unfilled:
            return []
        self._unfilled.discard(index)
        return [ToolDelta(index=self._tools[index], arguments="{}")]

    def _open_tool(self, index: int, block: _Block) -> list[Event]:
        tool = self._tools[index] = len(self._tools)
        started = ToolStarted(index=tool, id=block.id, name=block.name)
        given = json_text(block.input)
        if given not in _EMPTY_INPUTS:
            return [started, ToolDelta(index=tool, arguments=given)]
        self._unfilled.add(index)
        return [started]

    def _delta(self, index: int, delta: _Delta) -> list[Event]:
        match delta.type:
            case "text_delta":
                return [TextDelta(text=delta.text)]
            case "thinking_delta":
                return [ThinkingDelta(text=delta.thinking)]
            case "signature_delta":
                return [ThinkingDelta(signature=delta.signature)]
            case "input_json_delta" if index in self._tools and delta.partial_json:
                self._unfilled.discard(index)
                return [ToolDelta(index=self._tools[index], arguments=delta.partial_json)]
            case _:
                return []

    def _read(self, event: _Event) -> list[Event]:
        match event.type:
            case "message_start" if event.message is not None:
                return self.begin(event.message)
            case "content_block_start" if event.content_block is not None:
                return self.open(event.index, event.content_block)
            case "content_block_stop":
                return self.close(event.index)
            case "message_delta":
                delta = event.delta or _Delta()
                used = self._use(event.usage)
                if delta.stop_reason is None:
                    return used
                self._has_reason = True
                return [_finished(delta.stop_reason, delta.stop_sequence), *used]
            case "message_stop":
                self._complete = self._has_reason
        return []

    def _use(self, usage: WireUsage | None) -> list[Event]:
        if usage is None:
            return []
        self._usage = usage.over(self._usage)
        return [Used(usage=self._usage)]


def _no_message(body: bytes) -> UpstreamError:
    """Say what an answer is that is no message: some proxies send errors with a 200."""
    return find_fault(body) or Garbled("The upstream's answer is not a message.")


def _finished(reason: str | None, sequence: str | None) -> Finished:
    return Finished(reason=FINISHES.get(reason or "", Finish.STOP), stop_sequence=sequence)
