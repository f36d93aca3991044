"""Write events as a message for a client, whole or as a stream."""

import msgspec
from msgspec import Raw

from hx_gateway.core import wire
from hx_gateway.core.call import Call
from hx_gateway.core.event import (
    Event,
    Finish,
    Finished,
    RefusalDelta,
    Started,
    TextDelta,
    ThinkingDelta,
    ToolDelta,
    ToolStarted,
    Used,
)
from hx_gateway.core.usage import Usage
from hx_gateway.dialects.anthropic_messages.usage import wire_usage

Json = dict[str, object]

_REASONS = {
    Finish.STOP: "end_turn",
    Finish.LENGTH: "max_tokens",
    Finish.TOOL_USE: "tool_use",
    Finish.CONTENT_FILTER: "refusal",
    Finish.REFUSAL: "refusal",
    Finish.STOP_SEQUENCE: "stop_sequence",
    Finish.PAUSE: "pause_turn",
}
_encode = wire.encode


class MessageWriter:
    """Writes one stream. Blocks come one after another, so at most one is open.

    Calls of several tools may arrive in turns; all but the first wait until it is complete.
    """

    __slots__ = (
        "_begun",
        "_call",
        "_finished",
        "_index",
        "_open",
        "_refused",
        "_started",
        "_tool",
        "_usage",
        "_waiting",
    )

    def __init__(self, call: Call) -> None:
        self._call = call
        self._started = Started(id="", model=call.model)
        self._begun = False
        self._index = -1
        self._open = ""
        self._tool: int | None = None
        self._waiting: dict[int, list[ToolStarted | ToolDelta]] = {}
        self._usage = Usage()
        self._finished: Finished | None = None
        self._refused = False

    def write(self, events: list[Event]) -> bytes:
        """See `Writer`."""
        if len(events) == 1 and type(first := events[0]) is TextDelta and self._open == "text":
            return b"" if first.choice else self._text(first.text)  # nearly every call
        written: list[bytes] = []
        for event in events:
            if type(event) is Used:
                self._usage = event.usage
            elif type(event) is Started:
                self._started = event
            elif getattr(event, "choice", 0) == 0:  # the format has one choice
                written.append(self._event(event))
        # The start waits for content: the first usage is in it, and a fault before can fall back.
        content = b"".join(written)
        return self._begin() + content if content else b""

    def end(self) -> bytes:
        """See `Writer`."""
        closing = self._begin() + self._write_waiting() + self._close()
        finished = self._finished or Finished(reason=Finish.STOP)
        reason = "refusal" if self._refused else _REASONS[finished.reason]
        delta = {"stop_reason": reason, "stop_sequence": finished.stop_sequence}
        usage = wire_usage(self._usage)
        last = _frame("message_delta", {"delta": delta, "usage": usage})
        return closing + last + _frame("message_stop", {})

    def _begin(self) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        head = _head(self._started, self._call)
        usage = {**wire_usage(self._usage), "output_tokens": 0}
        message = {**head, "content": [], "stop_reason": None, "stop_sequence": None}
        return _frame("message_start", {"message": {**message, "usage": usage}})

    def _event(self, event: Event) -> bytes:
        match event:
            case TextDelta():
                return self._text(event.text)
            case ToolDelta() | ToolStarted():
                return self._tool_event(event)
            case ThinkingDelta():
                return self._thinking(event)
            case RefusalDelta():
                self._refused = True
                return self._text(event.text)
            case Finished():
                self._finished = event
            case _:
                pass
        return b""

    def _text(self, text: str) -> bytes:
        if not text:
            return b""
        start = b""
        if self._open != "text":
            start = self._start("text", {"type": "text", "text": ""})
        return (
            start + b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,'
            b'"delta":{"type":"text_delta","text":%b}}\n\n' % (self._index, _encode(text))
        )

    def _thinking(self, event: ThinkingDelta) -> bytes:
        if event.redacted is not None:
            block: Json = {"type": "redacted_thinking", "data": event.redacted}
            return self._start("redacted_thinking", block) + self._close()
        written = b""
        if self._open != "thinking":
            empty: Json = {"type": "thinking", "thinking": "", "signature": ""}
            written = self._start("thinking", empty)
        if event.text:
            written += self._delta({"type": "thinking_delta", "thinking": event.text})
        if event.signature is not None:
            written += self._delta({"type": "signature_delta", "signature": event.signature})
            written += self._close()
        return written

    def _tool_event(self, event: ToolStarted | ToolDelta) -> bytes:
        if self._tool is not None and self._tool != event.index:
            self._waiting.setdefault(event.index, []).append(event)
            return b""
        return self._write_tool(event)

    def _write_tool(self, event: ToolStarted | ToolDelta) -> bytes:
        if isinstance(event, ToolDelta):
            return self._delta({"type": "input_json_delta", "partial_json": event.arguments})
        block: Json = {"type": "tool_use", "id": event.id, "name": event.name, "input": {}}
        start = self._start("tool_use", block)
        self._tool = event.index
        return start

    def _write_waiting(self) -> bytes:
        waiting, self._waiting = self._waiting, {}
        return b"".join(self._write_tool(event) for tool in waiting.values() for event in tool)

    def _start(self, kind: str, block: Json) -> bytes:
        closing = self._write_waiting() + self._close() if self._tool is not None else self._close()
        self._tool = None
        self._open = kind
        self._index += 1
        return closing + _frame(
            "content_block_start", {"index": self._index, "content_block": block}
        )

    def _delta(self, delta: Json) -> bytes:
        return _frame("content_block_delta", {"index": self._index, "delta": delta})

    def _close(self) -> bytes:
        if not self._open:
            return b""
        self._open = ""
        return _frame("content_block_stop", {"index": self._index})


def render_message(events: list[Event], call: Call) -> bytes:
    """Write a whole answer: what a stream would have said, put together."""
    blocks = _Blocks()
    started, usage = Started(id="", model=call.model), Usage()
    for event in events:
        match event:
            case Started():
                started = event
            case Used():
                usage = event.usage
            case _:
                if getattr(event, "choice", 0) == 0:
                    blocks.add(event)
    finished = blocks.finished
    body: Json = {
        **_head(started, call),
        "content": blocks.render(),
        "stop_reason": "refusal" if blocks.refused else _REASONS[finished.reason],
        "stop_sequence": finished.stop_sequence,
        "usage": wire_usage(usage),
    }
    return wire.encode(body)


class _Blocks:
    """The blocks of a whole answer, as they are put together."""

    def __init__(self) -> None:
        self.finished = Finished(reason=Finish.STOP)
        self.refused = False
        self._blocks: list[tuple[str, list[str], Json]] = []
        self._tools: dict[int, list[str]] = {}

    def add(self, event: Event) -> None:
        """Take one event."""
        match event:
            case TextDelta() | RefusalDelta():
                self.refused = self.refused or isinstance(event, RefusalDelta)
                self._add_text("text", event.text)
            case ThinkingDelta() if event.redacted is not None:
                block: Json = {"type": "redacted_thinking", "data": event.redacted}
                self._blocks.append(("redacted_thinking", [], block))
            case ThinkingDelta():
                self._add_text("thinking", event.text)
                if event.signature is not None:
                    self._sign(event.signature)
            case ToolStarted():
                block = {"type": "tool_use", "id": event.id, "name": event.name}
                self._blocks.append(("tool_use", self._tools.setdefault(event.index, []), block))
            case ToolDelta():
                self._tools[event.index].append(event.arguments)
            case Finished():
                self.finished = event
            case _:
                pass

    def render(self) -> list[Json]:
        """Give the blocks in their order."""
        return [_finish_block(kind, "".join(pieces), block) for kind, pieces, block in self._blocks]

    def _sign(self, signature: str) -> None:
        """Close the thought that is open; a vendor may sign one that it does not show."""
        last = self._blocks[-1] if self._blocks else None
        if last is None or last[0] != "thinking" or "signature" in last[2]:
            last = ("thinking", [], {"type": "thinking"})
            self._blocks.append(last)
        last[2]["signature"] = signature

    def _add_text(self, kind: str, text: str) -> None:
        last = self._blocks[-1] if self._blocks else None
        if last is None or last[0] != kind or "signature" in last[2]:
            if not text:
                return
            last = (kind, [], {"type": kind})
            self._blocks.append(last)
        last[1].append(text)


def _finish_block(kind: str, text: str, block: Json) -> Json:
    if kind == "tool_use":
        return {**block, "input": _input(text)}
    if kind == "thinking":
        return {"signature": "", **block, "thinking": text}
    return {**block, "text": text} if kind == "text" else block


def _input(arguments: str) -> Raw:
    """Take arguments as JSON; a model's broken JSON is handed on as a text, not as a failure."""
    try:
        msgspec.json.decode(arguments or "{}", type=dict[str, Raw])
    except wire.NOT_JSON:
        return wire.raw({"arguments": arguments})
    return Raw((arguments or "{}").encode())


def _head(started: Started, call: Call) -> Json:
    id_ = started.id if started.id.startswith("msg_") else f"msg_{call.id}"
    return {"id": id_, "type": "message", "role": "assistant", "model": call.model}


def _frame(name: str, fields: Json) -> bytes:
    data = wire.encode({"type": name, **fields})
    return b"event: %b\ndata: %b\n\n" % (name.encode(), data)
