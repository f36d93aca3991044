"""Decode an answer that came compressed although we asked for none, without becoming a bomb."""

import zlib

from hx_gateway.core.errors import Garbled

_FREE = 1024 * 1024
_RATIO = 20
_GZIP, _ZLIB = 31, 15  # wbits of zlib: which wrapper to expect


class Inflater:
    """One body's decompression: bounded in output and, beyond 1 MiB, in ratio (20 to 1)."""

    __slots__ = ("_given", "_max_output", "_taken", "_zlib")

    def __init__(self, encoding: bytes, max_output: int) -> None:
        """Raises Garbled for anything but gzip and deflate (RFC 9110 section 8.4.1)."""
        encoding = encoding.strip().lower()
        if encoding not in (b"gzip", b"x-gzip", b"deflate"):
            raise Garbled("The upstream's answer has an encoding that was not asked for.")
        self._zlib = zlib.decompressobj(_ZLIB if encoding == b"deflate" else _GZIP)
        self._max_output = max_output
        self._taken = 0
        self._given = 0

    def feed(self, data: bytes) -> bytes:
        """Take more of the body, give what it decodes to (may be empty); raises Garbled."""
        self._taken += len(data)
        limit = min(self._max_output, max(_FREE, _RATIO * self._taken))
        room = limit - self._given
        try:
            # One byte more than allowed shows that there was more; 0 would mean no limit.
            decoded = self._zlib.decompress(data, room + 1)
        except zlib.error:
            raise Garbled("The upstream's answer is not validly compressed.") from None
        if len(decoded) > room:
            raise Garbled("The upstream's answer grows too much when decompressed.")
        if self._zlib.unused_data:
            raise Garbled("The upstream's answer is not validly compressed.")
        self._given += len(decoded)
        return decoded

    def end(self) -> None:
        """Take the end of the body; raises Garbled when it came too early."""
        if self._taken and not self._zlib.eof:
            raise Garbled("The upstream's answer was cut short.")
