"""Read the answer of `/api/chat`, whole or as lines of JSON, into events."""

from hashlib import blake2b

import msgspec
from msgspec import Raw
from msgspec.json import Decoder

from hx_gateway.core.errors import Garbled, Interrupted
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
from hx_gateway.core.usage import Told, Usage, counted
from hx_gateway.core.wire import NOT_JSON, raw
from hx_gateway.dialects.fields import ABSENT, json_text, present
from hx_gateway.dialects.ndjson import LineParser
from hx_gateway.dialects.ollama_errors import stream_fault


class _Function(msgspec.Struct):
    name: str
    arguments: Raw = Raw(b"{}")


class _ToolCall(msgspec.Struct):
    function: _Function
    id: str | None = None


class _Message(msgspec.Struct):
    content: str | None = None
    thinking: str | None = None
    tool_calls: list[_ToolCall] | None = None


class _Line(msgspec.Struct):
    model: str = ""
    created_at: str = ""
    message: _Message | None = None
    done: bool = False
    done_reason: str | None = None
    prompt_eval_count: Told = None
    eval_count: Told = None
    logprobs: Raw = ABSENT
    error: str | None = None
    status: int | None = None


_LINE = Decoder(_Line)


def decode_chat(body: bytes) -> list[Event]:
    """Read a whole answer; raises Garbled when it is none."""
    decoder = ChatDecoder()
    return [*decoder.feed(body), *decoder.end()]


class ChatDecoder:
    """Reads one stream."""

    __slots__ = ("_done", "_lines", "_started", "_tools")

    def __init__(self) -> None:
        self._lines = LineParser()
        self._started = False
        self._done = False
        self._tools = 0

    @property
    def over(self) -> bool:
        """See `Decoder`."""
        return self._done

    def feed(self, data: bytes) -> list[Event]:
        """See `Decoder`."""
        return self._read(self._lines.feed(data))

    def end(self) -> list[Event]:
        """See `Decoder`."""
        try:
            events = self._read(self._lines.end())
        except Garbled:
            if self._started:
                raise Interrupted("The upstream broke off its answer.") from None
            raise
        if self._done:
            return events
        if self._started:
            raise Interrupted("The upstream broke off its answer.")
        raise Garbled("The upstream ended its answer before it began.")

    def _read(self, lines: list[bytes]) -> list[Event]:
        events: list[Event] = []
        for data in lines:
            if self._done:
                break
            line = _decode(data)
            if not self._started:
                self._started = True
                events.append(Started(id="", model=line.model))
            if line.message is not None:
                self._read_message(line, line.message, events)
            if line.done:
                self._finish(line, events)
        return events

    def _read_message(self, line: _Line, message: _Message, events: list[Event]) -> None:
        if message.thinking:
            events.append(ThinkingDelta(text=message.thinking))
        logprobs = _logprobs(line.logprobs)
        if message.content or logprobs is not None:
            events.append(TextDelta(text=message.content or "", logprobs=logprobs))
        for call in message.tool_calls or ():
            name, arguments = call.function.name, json_text(call.function.arguments)
            id_ = call.id or _invent_id(line.created_at, self._tools, name + arguments)
            events.append(ToolStarted(index=self._tools, id=id_, name=name))
            events.append(ToolDelta(index=self._tools, arguments=arguments))
            self._tools += 1

    def _finish(self, line: _Line, events: list[Event]) -> None:
        self._done = True
        events.append(Finished(reason=self._reason(line.done_reason)))
        used = Usage(input=counted(line.prompt_eval_count), output=counted(line.eval_count))
        events.append(Used(usage=used))

    def _reason(self, reason: str | None) -> Finish:
        if self._tools:
            return Finish.TOOL_USE
        return Finish.LENGTH if reason == "length" else Finish.STOP


def _logprobs(tokens: Raw) -> Raw | None:
    """Put the tokens where Chat Completions has them; their own shape is the same."""
    return raw({"content": tokens}) if present(tokens) else None


def _invent_id(created_at: str, index: int, what: str) -> str:
    """Make an id where the server sends none: the same bytes give the same id, turns differ."""
    seed = f"{created_at} {index} {what}".encode()
    return f"call_{blake2b(seed, digest_size=12).hexdigest()}"


def _decode(data: bytes) -> _Line:
    try:
        line = _LINE.decode(data)
    except NOT_JSON:
        raise Garbled("The upstream's answer is not a chat answer.") from None
    if line.error is not None:
        raise stream_fault(line.error, line.status)
    return line
