"""Operations that have no stream, where the ports ask for one: everything comes at the end."""

from collections.abc import Callable

from hx_gateway.core.errors import Garbled
from hx_gateway.core.event import Event

MAX_ANSWER = 64 * 1024 * 1024


class WholeDecoder:
    """Gathers an answer and reads it when it ends."""

    __slots__ = ("_pieces", "_read", "_size")
    over = False  # only the end of the body tells

    def __init__(self, read: Callable[[bytes], list[Event]]) -> None:
        self._read = read
        self._pieces: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> list[Event]:
        """See `Decoder`; raises Garbled past 64 MiB."""
        self._pieces.append(data)
        self._size += len(data)
        if self._size > MAX_ANSWER:
            raise Garbled("The upstream's answer is too long.")
        return []

    def end(self) -> list[Event]:
        """See `Decoder`."""
        return self._read(b"".join(self._pieces))


class WholeWriter:
    """Gathers events and writes one answer when they end."""

    __slots__ = ("_events", "_render")

    def __init__(self, render: Callable[[list[Event]], bytes]) -> None:
        self._render = render
        self._events: list[Event] = []

    def write(self, events: list[Event]) -> bytes:
        """See `Writer`."""
        self._events += events
        return b""

    def end(self) -> bytes:
        """See `Writer`."""
        return self._render(self._events)
