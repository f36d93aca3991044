"""Read an upstream's chat answer, whole or as a stream, into events."""

import msgspec
from msgspec import Raw
from msgspec.json import Decoder

from hx_gateway.core.errors import Garbled, Interrupted
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
from hx_gateway.core.wire import NOT_JSON
from hx_gateway.dialects import sse
from hx_gateway.dialects.fields import ABSENT, present
from hx_gateway.dialects.frame import TextFrame
from hx_gateway.dialects.openai_errors import stream_fault
from hx_gateway.dialects.openai_usage import WireUsage

FINISHES = {
    "stop": Finish.STOP,
    "length": Finish.LENGTH,
    "tool_calls": Finish.TOOL_USE,
    "function_call": Finish.TOOL_USE,
    "content_filter": Finish.CONTENT_FILTER,
}


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class _ToolCall(msgspec.Struct):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _Delta(msgspec.Struct):
    """A message, or a piece of one: `reasoning` and `reasoning_content` are vendors' additions."""

    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[_ToolCall] | None = None


class _Choice(msgspec.Struct):
    index: int = 0
    delta: _Delta | None = None
    message: _Delta | None = None
    finish_reason: str | msgspec.UnsetType | None = msgspec.UNSET
    logprobs: Raw = ABSENT


class _Answer(msgspec.Struct):
    id: str | None = None
    model: str | None = None
    created: int | None = None
    choices: list[_Choice] | None = None
    usage: WireUsage | None = None
    error: dict[str, object] | str | None = None


class _Seen(msgspec.Struct):
    choices: list[Raw] | None = None
    usage: WireUsage | None = None
    error: dict[str, object] | str | None = None


_ANSWER = Decoder(_Answer)
_SEEN = Decoder(_Seen)
_EMPTY = _Delta()
_NO_MARK = b"nothing that follows the end is text"


def decode_chat(body: bytes) -> list[Event]:
    """Read a whole answer; raises Garbled when it is none."""
    answer = _decode(body)
    if not answer.choices:
        raise Garbled("The upstream's answer has no choices.")
    events = ChatDecoder().read(answer)
    if not any(isinstance(event, Finished) for event in events):
        events.extend(Finished(reason=Finish.STOP, choice=c.index) for c in answer.choices)
    return events


def find_usage(body: bytes) -> Usage | None:
    """Find the usage of a whole answer that is relayed; raises Garbled when it is none."""
    try:
        seen = _SEEN.decode(body)
    except NOT_JSON:
        raise Garbled("The upstream's answer is not a chat completion.") from None
    if seen.error is not None:
        raise stream_fault(body)
    if not seen.choices:
        raise Garbled("The upstream's answer has no choices.")
    return None if seen.usage is None else seen.usage.read()


class ChatDecoder:
    """Reads one stream."""

    __slots__ = (
        "_begun", "_finished", "_frame", "_parser", "_promised", "_started", "_tools", "over",
    )  # fmt: skip

    def __init__(self) -> None:
        self._parser = sse.SseParser()
        self._frame = TextFrame(b'"content":"')
        self.over = False
        self._started = False
        self._begun = False
        self._finished = False
        self._promised = False
        self._tools: dict[tuple[int, int], int] = {}

    def feed(self, data: bytes) -> list[Event]:
        """See `Decoder`."""
        is_whole = self._parser.is_between
        if is_whole and (plain := self._frame.read(data)) is not None:
            return [plain]
        events: list[Event] = []
        read = self._parser.feed(data)
        for _, payload in read:
            if self.over:
                break
            if payload == b"[DONE]":
                self._close()
            else:
                events += self.read(_decode(payload))
        if is_whole and len(read) == 1 and self._parser.is_between:
            self._frame.learn(data, events)
        return events

    def end(self) -> list[Event]:
        """See `Decoder`."""
        if self._finished:
            return []
        if self._started:
            raise Interrupted("The upstream broke off its answer.")
        raise Garbled("The upstream ended its answer before it began.")

    def _close(self) -> None:
        # See OpenAIWatcher: an end mark is the end only where reasons to finish are never named.
        self._finished = self._finished or (self._begun and not self._promised)
        self.over = self._finished
        if self.over:
            self._frame = TextFrame(_NO_MARK)

    def read(self, answer: _Answer) -> list[Event]:
        """Turn one chunk (or a whole answer) into events."""
        events: list[Event] = []
        if not self._started:
            self._started = True
            events.append(
                Started(id=answer.id or "", model=answer.model or "", created=answer.created)
            )
        for choice in answer.choices or ():
            self._begun = True
            self._read_choice(choice, events)
        if answer.usage is not None:
            events.append(Used(usage=answer.usage.read()))
        return events

    def _read_choice(self, choice: _Choice, events: list[Event]) -> None:
        index = choice.index
        delta = choice.delta or choice.message or _EMPTY
        if delta.reasoning_content or delta.reasoning:
            text = delta.reasoning_content or delta.reasoning or ""
            events.append(ThinkingDelta(text=text, choice=index))
        logprobs = present(choice.logprobs)
        if delta.content or logprobs is not None:
            events.append(TextDelta(text=delta.content or "", choice=index, logprobs=logprobs))
        if delta.refusal:
            events.append(RefusalDelta(text=delta.refusal, choice=index))
        if delta.tool_calls:
            self._read_tools(index, delta.tool_calls, events)
        self._promised = self._promised or choice.finish_reason is not msgspec.UNSET
        if choice.finish_reason:
            self._finished = True
            reason = FINISHES.get(choice.finish_reason, Finish.STOP)
            events.append(Finished(reason=reason, choice=index))

    def _read_tools(self, choice: int, calls: list[_ToolCall], events: list[Event]) -> None:
        for position, call in enumerate(calls):
            handle = (choice, position if call.index is None else call.index)
            function = call.function or _Function()
            index = self._tools.get(handle)
            if index is None:
                index = sum(1 for known, _ in self._tools if known == choice)
                self._tools[handle] = index
                # Some servers send no id; the position gives one that stays the same.
                id_ = call.id or f"call_{choice}_{index}"
                events.append(
                    ToolStarted(index=index, id=id_, name=function.name or "", choice=choice)
                )
            if function.arguments:
                events.append(ToolDelta(index=index, arguments=function.arguments, choice=choice))


def _decode(data: bytes) -> _Answer:
    try:
        answer = _ANSWER.decode(data)
    except NOT_JSON:
        raise Garbled("The upstream's answer is not a chat completion.") from None
    if answer.error is not None:
        raise stream_fault(data)
    return answer
