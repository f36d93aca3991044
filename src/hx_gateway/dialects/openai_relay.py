"""Pass an OpenAI-style stream (chat, completions) on unchanged, looking only where a mark is.

Nearly every event is text, and text is not looked into: a few substring searches show that no
usage, error, finish reason or end mark is there. Inside a JSON string a quote is escaped, so the
marks cannot be faked by what a model says.
"""

import msgspec

from hx_gateway.core.errors import Garbled, Interrupted, UpstreamError
from hx_gateway.core.usage import Usage
from hx_gateway.dialects import sse
from hx_gateway.dialects.openai_errors import stream_fault
from hx_gateway.dialects.openai_usage import WireUsage

DONE = b"data: [DONE]\n\n"
MAX_FRAMES = 8
_TEXT = b'"content":"'
_NO_FRAME = b"no event looks like this"


class _Choice(msgspec.Struct):
    finish_reason: str | None = None


class _Event(msgspec.Struct):
    choices: list[_Choice] = []
    usage: WireUsage | None = None
    error: dict[str, object] | str | None = None


_EVENT = msgspec.json.Decoder(_Event)


class OpenAIRelay:
    """One stream on its way through.

    Events of one answer differ in their text only. So the frame of the last plain event is kept,
    and an event with the same frame and no quote in its text is known to be plain as well.
    """

    __slots__ = (
        "_begun",
        "_done",
        "_events",
        "_fault",
        "_frames_left",
        "_head",
        "_tail",
        "_text_end",
        "_text_start",
        "_wants_usage",
        "complete",
        "usage",
    )

    def __init__(self, *, wants_usage: bool) -> None:
        self.usage: Usage | None = None
        self.complete = False
        self._wants_usage = wants_usage
        self._events = sse.WholeEvents()
        self._begun = False
        self._done = False
        self._fault: UpstreamError | None = None
        self._frames_left = MAX_FRAMES
        self._head = self._tail = _NO_FRAME
        self._text_start = self._text_end = 0

    def feed(self, data: bytes) -> bytes:
        """See `Relay`."""
        if (
            data.endswith(self._tail)
            and data.startswith(self._head)
            and data.find(b'"', self._text_start, self._text_end) < 0
            and self._events.empty
        ):
            return data
        whole = self._events.feed(data)
        if not whole or not self._begun or self._fault is not None or not is_plain(whole):
            return self._look(whole) if whole else b""
        if self._frames_left:
            self._keep_frame(whole)
        return whole

    def _keep_frame(self, event: bytes) -> None:
        self._frames_left -= 1  # some upstreams pad each event differently: give up on them
        start = event.find(_TEXT) + len(_TEXT)
        end = event.find(b'"', start)
        if start >= len(_TEXT) and event.find(b"\n\n") == len(event) - 2:
            self._head, self._tail = event[:start], event[end:]
            self._text_start, self._text_end = start, end - len(event)

    def end(self) -> bytes:
        """See `Relay`. The end mark is added where an upstream leaves it out."""
        if self._fault is not None:
            raise self._fault
        if self.complete:
            return b"" if self._done else DONE
        if self._begun:
            raise Interrupted("The upstream broke off its answer.")
        raise Garbled("The upstream ended its answer before it began.")

    def _look(self, whole: bytes) -> bytes:
        given: list[bytes] = []
        begun = self._begun
        try:
            if self._fault is not None:
                raise self._fault
            # One by one, because what was passed before a fault must not be lost.
            given.extend(event for event in sse.split(whole) if self._passes(event))
        except UpstreamError as fault:
            if not (begun and given):
                raise
            self._fault = fault  # what came before it still belongs to the client
            self._tail = _NO_FRAME
        return b"".join(given)

    def _passes(self, event: bytes) -> bool:
        data = sse.data_of(event)
        if not data:
            # A comment is no beginning: an upstream that says "processing" may still fail.
            return self._begun
        if data == b"[DONE]":
            self.complete = self._done = True
            return True
        seen = _decode(data)
        if seen.usage is not None:
            self.usage = seen.usage.read()
            if not seen.choices and not self._wants_usage:
                return False
        if any(choice.finish_reason is not None for choice in seen.choices):
            self.complete = True
        self._begun = True
        return True


def is_plain(whole: bytes) -> bool:
    """Tell whether events hold text only: no end mark, error, usage or finish reason."""
    return (
        whole.find(b"[DONE]") < 0
        and whole.find(b'"error"') < 0
        and _only_null(whole, b'"finish_reason"')
        and _only_null(whole, b'"usage"')
    )


def _only_null(whole: bytes, name: bytes) -> bool:
    found = whole.count(name)
    if found == whole.count(name + b":null"):
        return True
    return found == whole.count(name + b":null") + whole.count(name + b": null")


def _decode(data: bytes) -> _Event:
    try:
        event = _EVENT.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Garbled("The upstream sent an event that is not JSON.") from None
    if event.error is not None:
        raise stream_fault(data)
    return event
