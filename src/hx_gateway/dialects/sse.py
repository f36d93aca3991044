"""Read and write server-sent events (WHATWG HTML 9.2.6): bytes in, whole events out.

However the bytes are cut, the same events come out. Speed matters here: a stream passes through
once per event, so all scanning is done by `bytes` methods and never by a Python loop over bytes.
"""

import re

from msgspec import Raw

from hx_gateway.core import wire
from hx_gateway.core.errors import Garbled

MAX_LINE = 1024 * 1024
MAX_EVENT = 4 * 1024 * 1024

SseEvent = tuple[bytes, bytes]
"""The event's name (b"" when it has none) and its data."""

_NO_DATA = b"data: "
_BOM = b"\xef\xbb\xbf"
_BLANK_LINE = re.compile(rb"(?>\r\n|\n|\r)(?>\r\n|\n|\r)")


class SseParser:
    """Reads events out of a stream; remembers what is incomplete. Without data it is no event.

    `is_between`: nothing is, so what comes next begins an event.
    """

    __slots__ = (
        "_after_cr",
        "_begun",
        "_data",
        "_held",
        "_held_size",
        "_name",
        "_size",
        "is_between",
    )

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self._held_size = 0
        self._data: list[bytes] = []
        self._size = 0
        self._name = b""
        self._begun = False
        self.is_between = False
        self._after_cr = False

    def feed(self, piece: bytes) -> list[SseEvent]:
        """Take more bytes, give the events they complete; raises Garbled past a size limit."""
        # `find` and not `in`: the latter tries its operand as a number first, at twice the price.
        if self._after_cr or piece.find(b"\r") >= 0:
            piece = self._with_plain_newlines(piece)
        if self.is_between and piece.endswith(b"\n\n"):
            return self._whole_events(piece)
        if piece.find(b"\n") < 0:
            self._hold(piece)
            return []
        if self._held:
            piece = b"".join((*self._held, piece))
            self._held.clear()
            self._held_size = 0
        lines = piece.split(b"\n")
        self._hold(lines.pop())
        events = self._events(lines)
        self.is_between = not (self._held or self._data or self._name)
        return events

    def _whole_events(self, piece: bytes) -> list[SseEvent]:
        """Read a piece that holds nothing but whole events: what upstreams nearly always send."""
        events: list[SseEvent] = []
        for event in piece[:-2].split(b"\n\n"):
            line_end = event.find(b"\n")
            if len(event) > MAX_LINE:
                events += self._events([*event.split(b"\n"), b""])
            elif line_end < 0 and event.startswith(b"data: ") and event != _NO_DATA:
                events.append((b"", event[6:]))
            elif event.startswith(b"event: ") and _is_last_data(event, line_end):
                events.append((event[7:line_end], event[line_end + 7 :]))
            else:
                events += self._events([*event.split(b"\n"), b""])
        return events

    def _with_plain_newlines(self, piece: bytes) -> bytes:
        if self._after_cr and piece.startswith(b"\n"):
            piece = piece[1:]
            self._after_cr = False
        if piece:
            self._after_cr = piece.endswith(b"\r")
        return piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _hold(self, piece: bytes) -> None:
        if piece:
            self.is_between = False
            self._held.append(piece)
            self._held_size += len(piece)
            if self._held_size > MAX_LINE:
                raise Garbled("The upstream sent an event line that is too long.")

    def _events(self, lines: list[bytes]) -> list[SseEvent]:
        if not self._begun:
            self._begun = True
            lines[0] = lines[0].removeprefix(_BOM)
        events: list[SseEvent] = []
        for line in lines:
            if line.startswith(b"data:"):
                self._add(line[6:] if line.startswith(b"data: ") else line[5:])
            elif not line:
                if self._data and (data := b"\n".join(self._data)):
                    events.append((self._name, data))
                self._data = []
                self._size = 0
                self._name = b""
            elif line.startswith(b"event:"):
                self._name = line[6:].removeprefix(b" ")
            elif line == b"data":
                self._data.append(b"")
        return events

    def _add(self, value: bytes) -> None:
        self._size += len(value) + 1
        if len(value) > MAX_LINE or self._size > MAX_EVENT:
            raise Garbled("The upstream sent an event that is too long.")
        self._data.append(value)


def _is_last_data(event: bytes, line_end: int) -> bool:
    return (
        event.startswith(b"\ndata: ", line_end)
        and event.find(b"\n", line_end + 1) < 0
        and not event.endswith(_NO_DATA)
    )


class WholeEvents:
    """Cuts a stream after its last whole event, and holds the rest back."""

    __slots__ = ("_held", "_limit", "empty")

    def __init__(self, limit: int = MAX_EVENT) -> None:
        """`limit`: bytes that one event may have."""
        self._limit = limit
        self._held = bytearray()
        self.empty = True

    def feed(self, piece: bytes) -> bytes:
        """Take more bytes, give those up to the last blank line; raises Garbled past the limit."""
        held = self._held
        if self.empty and piece.endswith((b"\n\n", b"\r\n\r\n")):
            return piece  # nearly always: upstreams write whole events, and no copy is made
        seen = max(len(held) - 3, 0)
        held += piece
        end = _last_blank_line(held, seen)
        whole = bytes(held[:end])
        del held[:end]
        self.empty = not held
        if len(held) > self._limit:
            raise Garbled("The upstream sent an event that is too long.")
        return whole


def _last_blank_line(data: bytearray, start: int) -> int:
    """Find the end of the last blank line at or after `start`; 0 when there is none."""
    if b"\r" not in data:
        return data.rfind(b"\n\n", start) + 2 if data.find(b"\n\n", start) >= 0 else 0
    # After a final carriage return a line feed may follow, which belongs to the same line end.
    end = 0
    for match in _BLANK_LINE.finditer(data, start, len(data) - data.endswith(b"\r")):
        end = match.end()
    return end


def one_line(value: Raw) -> Raw:
    """Give JSON without line ends: in a `data` line they would end it."""
    if bytes(value).find(b"\n") < 0 and bytes(value).find(b"\r") < 0:
        return value
    try:
        return wire.raw(wire.decode_any(value))
    except wire.NOT_JSON:
        return Raw(b"null")  # an upstream's, and broken inside


def split(whole: bytes) -> list[bytes]:
    """Split whole events into single ones, each with its blank line; joined they are `whole`."""
    if b"\r" not in whole:
        parts = whole.split(b"\n\n")
        rest = parts.pop()
        events = [part + b"\n\n" for part in parts]
        return [*events, rest] if rest else events
    ends = [match.end() for match in _BLANK_LINE.finditer(whole)]
    starts = [0, *ends]
    return [whole[start:end] for start, end in zip(starts, [*ends, len(whole)], strict=True)]


def data_of(event: bytes) -> bytes:
    """Give the data of one whole event; b"" for a comment."""
    if (
        event.startswith(b"data: ")
        and event.find(b"\n") == len(event) - 2
        and event.find(b"\r") < 0
    ):
        return event[6:-2]  # one line, as nearly all are
    lines = event.removeprefix(_BOM).splitlines()
    return b"\n".join([line[5:].removeprefix(b" ") for line in lines if line[:5] == b"data:"])
