"""Pass a stream of server-sent events on unchanged, looking only where a mark is.

Nearly every event is text, and of text only this is known: that it is JSON and UTF-8, because a
client that chokes on it has no error event to read. Inside a JSON string a quote is escaped, so the
marks that are searched for cannot be faked by what a model says.
"""

from typing import Protocol

from msgspec import Raw
from msgspec.json import Decoder

from hx_gateway.core.errors import Garbled, Interrupted, UpstreamError
from hx_gateway.core.usage import Usage
from hx_gateway.core.wire import NOT_JSON
from hx_gateway.dialects import sse

MAX_FRAMES = 8
_END = b"[DONE]"
_NO_FRAME = b"no event looks like this"
_ANY_JSON = Decoder(Raw)  # checks the form and keeps nothing
_ALL_JSON = Decoder(list[Raw])
_BETWEEN, _COMMA = b"}\n\ndata: {", b"}\n,{"


class Watcher(Protocol):
    """What one dialect knows about its events. `text_mark` precedes the text of a plain event."""

    text_mark: bytes
    usage: Usage | None
    complete: bool

    @property
    def over(self) -> bool:
        """Whether the end mark has come, after which nothing counts."""
        ...

    def is_plain(self, whole: bytes) -> bool:
        """Tell whether events hold text only: nothing to note, nothing to keep back."""
        ...

    def passes(self, event: bytes, data: bytes) -> bool:
        """Note what an event says and whether it goes on; raises UpstreamError if it is one."""
        ...

    def end(self) -> bytes:
        """Give what a complete stream still lacks."""
        ...


class FramedRelay:
    """One stream on its way through; see `Relay`.

    Events of one answer differ in their text only. So the frame of the last plain event is kept,
    and an event with the same frame and neither a quote, an escape nor anything but ASCII in its
    text is known to be plain as well.
    """

    __slots__ = (
        "_begun",
        "_events",
        "_fault",
        "_frames_left",
        "_has_end",
        "_head",
        "_tail",
        "_text_end",
        "_text_start",
        "_watcher",
        "complete",
        "over",
        "usage",
    )

    def __init__(self, watcher: Watcher, *, max_event: int = sse.MAX_EVENT) -> None:
        """`max_event`: bytes that one event may have."""
        self.usage: Usage | None = None
        self.complete = False
        self.over = False
        self._watcher = watcher
        self._events = sse.WholeEvents(max_event)
        self._begun = False
        self._has_end = False
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
            and data.find(b"\\", self._text_start, self._text_end) < 0
            and data.isascii()
            and self._events.empty
        ):
            return data
        whole = self._events.feed(data)
        if not whole:
            return b""
        if (
            not self._begun
            or self.over
            or not self._watcher.is_plain(whole)
            or not self._is_sound(whole)
        ):
            return self._look(whole)
        if self._frames_left:
            self._keep_frame(whole)
        return whole

    def end(self) -> bytes:
        """See `Relay`."""
        if self._fault is not None and not self.over:
            raise self._fault
        if self.complete:
            return self._watcher.end()
        if self._begun:
            raise Interrupted("The upstream broke off its answer.")
        raise Garbled("The upstream ended its answer before it began.")

    def _is_sound(self, whole: bytes) -> bool:
        """Tell whether a client can read these events."""
        if self._fault is not None:
            return False
        if _is_all_json(whole):
            return True
        try:
            for event in sse.split(whole):
                _check(event, sse.data_of(event))
        except Garbled:
            return False
        return True

    def _keep_frame(self, event: bytes) -> None:
        mark = self._watcher.text_mark
        start = event.find(mark) + len(mark)
        end = event.find(b'"', start)
        if event[end - 1 : end] == b"\\":
            return  # an escaped quote is no end, and says nothing about the events to come
        self._frames_left -= 1  # some upstreams pad each event differently: give up on them
        if start >= len(mark) and event.find(b"\n\n") == len(event) - 2:
            self._head, self._tail = event[:start], event[end:]
            self._text_start, self._text_end = start, end - len(event)

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
            # A comment is no beginning: an upstream that says "processing" may still fail. And a
            # `data` line without data is no comment: clients would read it as JSON.
            return self._begun and event.find(b"data") < 0
        if self.over:
            # Formats without a `[DONE]` get one from some servers, and some clients wait for it.
            passes = data == _END and not self._has_end
            self._has_end = self._has_end or passes
            return passes
        _check(event, data)
        self._has_end = data == _END
        passes = self._watcher.passes(event, data)
        self.usage = self._watcher.usage
        self.complete = self._watcher.complete
        if self._watcher.over:
            self.over = True
            self._head = self._tail = _NO_FRAME
            self._frames_left = 0
        self._begun = self._begun or passes
        return passes


def _is_all_json(whole: bytes) -> bool:
    """Tell at one look whether events of nothing but one `data` line hold an object each.

    The lines are made one array. No string can reach from one into the next, since JSON strings
    hold no newline.
    """
    if not (whole.startswith(b"data: {") and whole.endswith(b"}\n\n")):
        return False
    data = whole[6:-2]
    array = data.replace(_BETWEEN, _COMMA)
    try:
        if not whole.isascii():
            whole.decode()
        found = _ALL_JSON.decode(b"[%b]" % array)
    except NOT_JSON:
        return False
    return len(found) == 1 + (len(data) - len(array)) // (len(_BETWEEN) - len(_COMMA))


def _check(event: bytes, data: bytes) -> None:
    """Raise Garbled for an event that is not JSON in UTF-8; comments may hold what they like."""
    if data == _END or (not data and event.find(b"data") < 0):
        return
    try:
        _ANY_JSON.decode(data)
        if not event.isascii():
            event.decode()
    except NOT_JSON:
        raise Garbled("The upstream sent an event that is not JSON.") from None
