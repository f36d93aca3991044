"""Remembers heads that were read before: a client repeats its head with every request.

Only the length of the body differs, so a head is remembered without its Content-Length digits,
which are judged anew. What is remembered is what `parse_head` made of the very same bytes: nothing
is read less strictly. Measured: reading a head was half of the edge's work.
"""

from hx_gateway.core.http import Request
from hx_gateway.core.snapshot import ServerSettings
from hx_gateway.transport.server.head import LENGTH_DIGITS, Framing, parse_head

MAX_HEADS = 512
MAX_BYTES = 4096  # a longer head is read each time; all together stay within a few MiB
_LENGTH_NAME = b"\r\ncontent-length: "
_NAME_SIZE = len(_LENGTH_NAME)


class Known:
    """One head that was read: what `parse_head` made of it, and how to know it again."""

    __slots__ = ("_after", "_at", "_before", "_first", "_has_digits", "framing", "memo")

    def __init__(self, block: bytes, digits: tuple[int, int], first: Request, framing: Framing):
        """`digits` are the bounds of the length's digits in `block`; equal when it has none."""
        at, end = digits
        self._has_digits = end > at
        self._before = block[:at] if self._has_digits else block
        self._after = block[end:] if self._has_digits else b""
        self._at = at
        self._first = first
        self.memo = first.memo
        self.framing = framing

    def starts(self, buffer: bytes) -> tuple[int | None, int]:
        """Say whether bytes start with this head: the length of the body, and where the head ends.

        It ends at 0 when they do not, or not to its last byte.
        """
        if not buffer.startswith(self._before):
            return None, 0
        if not self._has_digits:
            return self._first.length, len(self._before)
        at = self._at
        end = buffer.find(b"\r", at, at + LENGTH_DIGITS + 1)
        if end < 0 or not buffer.startswith(self._after, end):
            return None, 0
        digits = buffer[at:end]
        return (int(digits), end + len(self._after)) if digits.isdigit() else (None, 0)

    def body_in(self, data: bytes) -> bytes | None:
        """Take the body of a whole request with this head, and nothing behind it; else None."""
        at = self._at
        if not self._has_digits or not data.startswith(self._before):
            return None
        end = data.find(b"\r", at, at + LENGTH_DIGITS + 1)
        if end < 0 or not data.startswith(self._after, end):
            return None
        digits = data[at:end]
        body = data[end + len(self._after) :]
        return body if digits.isdigit() and int(digits) == len(body) else None

    def request(self, length: int | None, peer: str, now: float) -> Request:
        """Make a request of it; its body has `length` bytes."""
        first = self._first
        request = Request(
            first.method,
            first.path,
            first.query,
            first.headers,
            peer=peer,
            received_at=now,
            memo=first.memo,
        )
        request.length = length
        return request


class HeadMemory:
    """The heads of one set of limits; other limits, another memory."""

    __slots__ = ("_sized", "_whole", "settings")

    def __init__(self, settings: ServerSettings) -> None:
        """Know nothing yet."""
        self.settings = settings
        # Apart, so that no bytes a client sends can be taken for a head whose digits are out.
        self._sized: dict[bytes, Known] = {}
        self._whole: dict[bytes, Known] = {}

    def read(self, block: bytes) -> Known:
        """Read a whole head as `parse_head` does; raises Refusal."""
        if len(block) > MAX_BYTES:
            return self._parse(block, (0, 0))
        at, end = digits = _digits_in(block)
        heads, key = (self._sized, block[:at] + block[end:]) if end else (self._whole, block)
        known = heads.get(key)
        if known is None:
            known = self._parse(block, digits)
            if len(heads) >= MAX_HEADS:
                heads.clear()  # many clients, or one that never repeats itself: begin again
            heads[key] = known
        return known

    def _parse(self, block: bytes, digits: tuple[int, int]) -> Known:
        return Known(block, digits, *parse_head(block, self.settings))


def _digits_in(block: bytes) -> tuple[int, int]:
    """Find the digits of a plain Content-Length; (0, 0) when there is no such line."""
    at = block.find(b"ength: ") + 7
    start = at - _NAME_SIZE
    if at < _NAME_SIZE or block[start:at].lower() != _LENGTH_NAME:
        return 0, 0
    end = block.find(b"\r", at)
    if end - at > LENGTH_DIGITS or not block[at:end].isdigit():
        return 0, 0
    return at, end
