"""Read newline-delimited JSON: one value a line, however the bytes are cut."""

from hx_gateway.core.errors import Garbled

MAX_LINE = 4 * 1024 * 1024


class LineParser:
    """Reads lines out of a stream; remembers the incomplete one."""

    __slots__ = ("_held", "_held_size")

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self._held_size = 0

    def feed(self, piece: bytes) -> list[bytes]:
        """Take more bytes, give the non-empty lines they complete; raises Garbled past 4 MiB."""
        if b"\n" not in piece:
            self._hold(piece)
            return []
        if self._held:
            piece = b"".join((*self._held, piece))
            self._held.clear()
            self._held_size = 0
        lines = piece.split(b"\n")
        self._hold(lines.pop())
        whole = [line for line in map(bytes.strip, lines) if line]
        if whole and len(max(whole, key=len)) > MAX_LINE:
            raise Garbled("The upstream sent a line that is too long.")
        return whole

    def end(self) -> list[bytes]:
        """Give what is left as the last line: its newline may be missing."""
        rest = b"".join(self._held).strip()
        self._held.clear()
        return [rest] if rest else []

    def _hold(self, piece: bytes) -> None:
        if piece:
            self._held.append(piece)
            self._held_size += len(piece)
            if self._held_size > MAX_LINE:
                raise Garbled("The upstream sent a line that is too long.")


class WholeLines:
    """Cuts a stream after its last whole line, and holds the rest back."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, piece: bytes) -> bytes:
        """Take more bytes, give those up to the last newline."""
        self._held += piece
        end = self._held.rfind(b"\n") + 1
        whole = bytes(self._held[:end])
        del self._held[:end]
        return whole
