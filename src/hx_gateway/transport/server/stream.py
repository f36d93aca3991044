"""An answer in pieces, while it is being written."""

import asyncio
from typing import Protocol, runtime_checkable

from hx_gateway.transport.server.encode import LAST_CHUNK, SMALL, encode_chunk


@runtime_checkable
class LastWords(Protocol):
    """Chunks that have something to say when the server ends them (an error event)."""

    def last_words(self) -> bytes:
        """Give what is to be sent before the answer ends."""
        ...


class Stream:
    """Writes pieces; the head waits for the first, so that both leave in one segment."""

    __slots__ = ("_head", "_is_chunked", "_transport", "has_ended", "heartbeat")

    def __init__(
        self,
        transport: asyncio.Transport,
        head: bytes,
        heartbeat: bytes | None,
        *,
        is_chunked: bool,
    ) -> None:
        """Without `is_chunked` (HTTP/1.0) the end of the connection is the end of the answer."""
        self._transport = transport
        self._head = head
        self.heartbeat = heartbeat
        self._is_chunked = is_chunked
        self.has_ended = False

    def write(self, piece: bytes) -> None:
        """Send one piece that is not empty."""
        if len(piece) > SMALL:
            self._write_large(piece)
            return
        data = encode_chunk(piece) if self._is_chunked else piece
        if self._head:
            data = self._head + data
            self._head = b""
        self._transport.write(data)

    def beat(self) -> None:
        """Send the heartbeat, if the answer has one."""
        if self.heartbeat is not None and not self.has_ended:
            self.write(self.heartbeat)

    def end(self, last_words: bytes = b"") -> None:
        """Send the end mark, after the last words."""
        self.has_ended = True
        if last_words:
            self.write(last_words)
        self._transport.write(self._head + (LAST_CHUNK if self._is_chunked else b""))
        self._head = b""

    def _write_large(self, piece: bytes) -> None:
        before, after = (b"%x\r\n" % len(piece), b"\r\n") if self._is_chunked else (b"", b"")
        self._transport.writelines((self._head + before, piece, after))
        self._head = b""
