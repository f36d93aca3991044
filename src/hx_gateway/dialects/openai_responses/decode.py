"""Read an upstream's Responses answer, whole or as a stream, into events."""

import msgspec
from msgspec import Raw
from msgspec.json import Decoder

from hx_gateway.core import wire
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
from hx_gateway.dialects.openai_errors import stream_fault
from hx_gateway.dialects.openai_responses.usage import WireUsage
from hx_gateway.dialects.seals import RESPONSES_SEAL
from hx_gateway.dialects.tools import as_arguments

_INCOMPLETE = {
    "max_output_tokens": Finish.LENGTH,
    "content_filter": Finish.CONTENT_FILTER,
}
_KNOWN = frozenset({"message", "reasoning", "function_call", "custom_tool_call"})
_NO_LOGPROBS = Raw(b"[]")


class _Text(msgspec.Struct):
    text: str = ""


class _Content(msgspec.Struct):
    type: str
    text: str = ""
    refusal: str = ""
    logprobs: Raw = ABSENT


class _Item(msgspec.Struct):
    type: str
    call_id: str = ""
    name: str = ""
    arguments: str = ""
    input: str = ""
    content: list[_Content] | None = None
    summary: list[_Text] | None = None
    encrypted_content: str | None = None


class _Type(msgspec.Struct):
    type: str


class _Details(msgspec.Struct):
    reason: str | None = None


class _Response(msgspec.Struct):
    id: str = ""
    model: str = ""
    created_at: float | None = None
    status: str | None = None
    output: list[Raw] | None = None
    incomplete_details: _Details | None = None
    usage: WireUsage | None = None
    error: Raw = ABSENT


class _Event(msgspec.Struct):
    type: str
    output_index: int = 0
    summary_index: int = 0
    delta: str = ""
    logprobs: Raw = ABSENT
    item: Raw = ABSENT
    response: _Response | None = None


_TYPE = Decoder(_Type)
_ITEM = Decoder(_Item)
_RESPONSE = Decoder(_Response)
_EVENT = Decoder(_Event)


def decode_response(body: bytes) -> list[Event]:
    """Read a whole answer; raises Garbled when it is none."""
    response = _whole(body)
    decoder = ResponseDecoder()
    events = decoder.begin(response)
    for index, data in enumerate(response.output or ()):
        item = _item(data)
        events += [] if item is None else decoder.whole_item(index, item)
    return [*events, *decoder.finish(response)]


def find_usage(body: bytes) -> Usage | None:
    """Find the usage of a whole answer that is relayed; raises Garbled when it is none."""
    response = _whole(body)
    return None if response.usage is None else response.usage.read()


def decode_event(data: bytes) -> _Event:
    """Read the data of one event; raises the fault that it is, or Garbled."""
    try:
        event = _EVENT.decode(data)
    except NOT_JSON:
        raise Garbled("The upstream sent an event that is not JSON.") from None
    if event.type == "error":
        # Its fields lie bare here, where an error answer has them in an envelope.
        raise stream_fault(b'{"error":' + data + b"}")
    if event.response is not None:
        _check(event.response)
    return event


class ResponseDecoder:
    """Reads one stream."""

    __slots__ = ("_complete", "_filled", "_parser", "_started", "_tools")

    def __init__(self) -> None:
        self._parser = sse.SseParser()
        self._started = False
        self._complete = False
        self._tools: dict[int, int] = {}
        self._filled: set[int] = set()

    @property
    def over(self) -> bool:
        """See `Decoder`."""
        return self._complete

    def feed(self, data: bytes) -> list[Event]:
        """See `Decoder`."""
        events: list[Event] = []
        for _, payload in self._parser.feed(data):
            if self._complete:
                break
            if payload != b"[DONE]":
                events += self._read(decode_event(payload))
        return events

    def end(self) -> list[Event]:
        """See `Decoder`."""
        if self._complete:
            return []
        if self._started:
            raise Interrupted("The upstream broke off its answer.")
        raise Garbled("The upstream ended its answer before it began.")

    def begin(self, response: _Response) -> list[Event]:
        """Read what is known from the beginning; nothing the second time."""
        if self._started:
            return []
        self._started = True
        created = None if response.created_at is None else int(response.created_at)
        return [Started(id=response.id, model=response.model, created=created)]

    def whole_item(self, index: int, item: _Item) -> list[Event]:
        """Read an item that comes in one piece."""
        if item.type == "message":
            return [event for part in item.content or () for event in _said(part)]
        if item.type == "reasoning":
            text = "\n\n".join(part.text for part in item.summary or ())
            thought: list[Event] = [ThinkingDelta(text=text)] if text else []
            return [*thought, *self._item_done(index, item)]
        return [*self._item_added(index, item), *self._item_done(index, item)]

    def finish(self, response: _Response) -> list[Event]:
        """Read the end."""
        self._complete = True
        details = response.incomplete_details or _Details()
        reason = Finish.TOOL_USE if self._tools else Finish.STOP
        if response.status == "incomplete":
            reason = _INCOMPLETE.get(details.reason or "", Finish.LENGTH)
        finished: list[Event] = [Finished(reason=reason)]
        return [*finished, Used(usage=response.usage.read())] if response.usage else finished

    def _read(self, event: _Event) -> list[Event]:
        match event.type.removeprefix("response."):
            case "output_text.delta":
                return [TextDelta(text=event.delta, logprobs=_logprobs(event.logprobs))]
            case "function_call_arguments.delta":
                return self._arguments(event.output_index, event.delta)
            case "reasoning_summary_text.delta" | "reasoning_text.delta":
                return [ThinkingDelta(text=event.delta)]
            case "reasoning_summary_part.added" if event.summary_index:
                return [ThinkingDelta(text="\n\n")]
            case "refusal.delta":
                return [RefusalDelta(text=event.delta)]
            case _:
                return self._read_frame(event)

    def _read_frame(self, event: _Event) -> list[Event]:
        match event.type:
            case "response.output_item.added" if (item := _item(event.item)) is not None:
                return self._item_added(event.output_index, item)
            case "response.output_item.done" if (item := _item(event.item)) is not None:
                return self._item_done(event.output_index, item)
            case "response.completed" | "response.incomplete" if event.response is not None:
                return [*self.begin(event.response), *self.finish(event.response)]
            case _ if event.response is not None:
                return self.begin(event.response)
            case _:
                return []

    def _item_added(self, index: int, item: _Item) -> list[Event]:
        if item.type not in {"function_call", "custom_tool_call"}:
            return []
        tool = self._tools[index] = len(self._tools)
        return [ToolStarted(index=tool, id=item.call_id, name=item.name)]

    def _arguments(self, index: int, arguments: str) -> list[Event]:
        if index not in self._tools or not arguments:
            return []
        self._filled.add(index)
        return [ToolDelta(index=self._tools[index], arguments=arguments)]

    def _item_done(self, index: int, item: _Item) -> list[Event]:
        if item.type == "reasoning" and item.encrypted_content is not None:
            return [ThinkingDelta(signature=RESPONSES_SEAL + item.encrypted_content)]
        if item.type == "function_call" and index not in self._filled:
            return self._arguments(index, item.arguments or "{}")
        if item.type == "custom_tool_call":
            return self._arguments(index, as_arguments(item.input))
        return []


def _item(data: Raw) -> _Item | None:
    """Read an item of a kind that has words elsewhere; others have fields of their own."""
    if present(data) is None:
        return None
    try:
        return _ITEM.decode(data) if _TYPE.decode(data).type in _KNOWN else None
    except NOT_JSON:
        raise Garbled("The upstream's answer is not a response.") from None


def _said(part: _Content) -> list[Event]:
    if part.type == "refusal":
        return [RefusalDelta(text=part.refusal)]
    return [TextDelta(text=part.text, logprobs=_logprobs(part.logprobs))]


def _logprobs(tokens: Raw) -> Raw | None:
    """Put the tokens where Chat Completions has them."""
    if present(tokens) is None or tokens == _NO_LOGPROBS:
        return None
    return wire.raw({"content": tokens})


def _whole(body: bytes) -> _Response:
    try:
        response = _RESPONSE.decode(body)
    except NOT_JSON:
        raise Garbled("The upstream's answer is not a response.") from None
    _check(response)
    if response.output is None:
        raise Garbled("The upstream's answer has no output.")
    return response


def _check(response: _Response) -> None:
    if response.status in {"failed", "cancelled"} or present(response.error) is not None:
        raise stream_fault(b'{"error":' + (bytes(response.error) or b"null") + b"}")
