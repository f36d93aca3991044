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


class HeadMemory:
    """The heads of one set of limits; other limits, another memory."""

    __slots__ = ("_sized", "_whole", "settings")

    def __init__(self, settings: ServerSettings) -> None:
        """Know nothing yet."""
        self.settings = settings
        # Apart, so that no bytes a client sends can be taken for a head whose digits are out.
        self._sized: dict[bytes, tuple[Request, Framing]] = {}
        self._whole: dict[bytes, tuple[Request, Framing]] = {}

    def read(self, block: bytes, peer: str, now: float) -> tuple[Request, Framing]:
        """Read a whole head as `parse_head` does; raises Refusal."""
        if len(block) > MAX_BYTES:
            return parse_head(block, self.settings, peer, now)
        digits, key = _apart(block)
        heads = self._sized if digits else self._whole
        known = heads.get(key)
        if known is None:
            known = parse_head(block, self.settings, peer, now)
            if len(heads) >= MAX_HEADS:
                heads.clear()  # many clients, or one that never repeats itself: begin again
            heads[key] = known
        first, framing = known
        request = Request(
            first.method,
            first.path,
            first.query,
            first.headers,
            peer=peer,
            received_at=now,
            memo=first.memo,
        )
        request.length = int(digits) if digits else first.length
        return request, framing


def _apart(block: bytes) -> tuple[bytes, bytes]:
    """Take the digits of a plain Content-Length out; none when there is no such line."""
    at = block.find(b"ength: ") + 7
    start = at - _NAME_SIZE
    if at < _NAME_SIZE or block[start:at].lower() != _LENGTH_NAME:
        return b"", block
    end = block.find(b"\r", at)
    digits = block[at:end]
    if not digits.isdigit() or len(digits) > LENGTH_DIGITS:
        return b"", block
    return digits, block[:at] + block[end:]
