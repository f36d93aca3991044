"""Take a request body off the wire: by length, or in chunks (RFC 9112 section 7.1). Pure.

A decoder is fed bytes and gives the body in them; what comes after the body is left in `rest`.
"""

import re
from typing import Protocol

from hx_gateway.core.errors import TooLarge
from hx_gateway.transport.server.refusal import Refusal, refuse

_SIZE_LINE = 256  # bytes of one chunk-size line: a number and, at most, a short extension
_TRAILER = 4096
# Chunks of one byte cost a thousand times their weight: so many are free, then 256 bytes each.
_FREE_CHUNKS = 10_000
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})(?:[ \t]*;[\t !-~]*)?")
_FIELD = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t -~\x80-\xff]*")


class BodyDecoder(Protocol):
    """Takes one body off the wire."""

    is_done: bool
    rest: bytes

    def feed(self, data: bytes) -> bytes:
        """Give the body's bytes in `data`; raises TooLarge or Refusal."""
        ...


class SizedBody:
    """A body of known length, which was judged before."""

    __slots__ = ("_left", "is_done", "rest")

    def __init__(self, length: int) -> None:
        """`length` in bytes."""
        self._left = length
        self.is_done = length == 0
        self.rest = b""

    def feed(self, data: bytes) -> bytes:
        """See `BodyDecoder`."""
        left = self._left
        if len(data) < left:
            self._left = left - len(data)
            return data
        self._left = 0
        self.is_done = True
        self.rest = data[left:]
        return data[:left]


class ChunkedBody:
    """A body in chunks; counted while it comes."""

    __slots__ = ("_buffer", "_chunks", "_left", "_max", "_total", "is_done", "rest")

    def __init__(self, max_bytes: int) -> None:
        """Take at most `max_bytes` of payload."""
        self._max = max_bytes
        self._total = 0
        self._chunks = 0
        self._left = -1  # bytes of the chunk that are missing with its CRLF; -1 at a size line
        self._buffer = b""
        self.is_done = False
        self.rest = b""

    def feed(self, data: bytes) -> bytes:
        """See `BodyDecoder`."""
        data = self._buffer + data if self._buffer else data
        pieces: list[bytes] = []
        at = 0
        while not self.is_done:
            step = self._size_line(data, at) if self._left < 0 else self._payload(data, at, pieces)
            if step == at:
                break
            at = step
        if self.is_done:
            self.rest, self._buffer = data[at:], b""
        else:
            self._buffer = data[at:]
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _size_line(self, data: bytes, at: int) -> int:
        end = data.find(b"\r\n", at, at + _SIZE_LINE)
        if end < 0:
            if len(data) - at >= _SIZE_LINE or b"\n" in data[at:]:
                raise _bad_chunk()
            return at
        found = _SIZE.fullmatch(data, at, end)
        if found is None:
            raise _bad_chunk()
        size = int(found[1], 16)
        if size == 0:
            return self._trailer(data, at, end)
        self._count(size)
        self._left = size + 2
        return end + 2

    def _count(self, size: int) -> None:
        self._total += size
        self._chunks += 1
        if self._total > self._max:
            raise TooLarge(f"The body is larger than {self._max} bytes.")
        if self._chunks > _FREE_CHUNKS + self._total // 256:
            raise refuse(400, "malformed_request", "The body comes in too many small chunks.")

    def _payload(self, data: bytes, at: int, pieces: list[bytes]) -> int:
        left = self._left
        available = len(data) - at
        if available >= left:
            end = at + left
            if data[end - 2 : end] != b"\r\n":
                raise _bad_chunk()
            pieces.append(data[at : end - 2])
            self._left = -1
            return end
        taken = min(available, left - 2)
        if taken > 0:
            pieces.append(data[at : at + taken])
            self._left = left - taken
        return at + max(taken, 0)

    def _trailer(self, data: bytes, start: int, end: int) -> int:
        """Trailers are checked and dropped: nothing here may change how the request is read."""
        if data[end + 2 : end + 4] == b"\r\n":
            self.is_done = True
            return end + 4
        stop = data.find(b"\r\n\r\n", end, end + _TRAILER)
        if stop < 0:
            if len(data) - end >= _TRAILER or data.count(b"\n", end) != data.count(b"\r\n", end):
                raise _bad_chunk()
            return start
        if not all(map(_FIELD.fullmatch, data[end + 2 : stop].split(b"\r\n"))):
            raise _bad_chunk()
        self.is_done = True
        return stop + 4


def _bad_chunk() -> Refusal:
    return refuse(400, "malformed_request", "The chunks of the body are malformed.")
