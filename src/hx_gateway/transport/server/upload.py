"""A request body that is handed over while it arrives, with back-pressure in both directions."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable

from hx_gateway.core.errors import RequestError

HIGH_WATER = 64 * 1024
LOW_WATER = 16 * 1024


class Upload:
    """The pieces of one request body, as core `Chunks`: the edge puts them in, a handler takes.

    What ends it early (a deadline, too many bytes, a bad chunk) is raised to the handler.
    """

    __slots__ = ("_ended", "_error", "_on_close", "_on_room", "_pieces", "_size", "_waiter")

    def __init__(self, on_room: Callable[[], None], on_close: Callable[[], None]) -> None:
        """`on_room` is told when there is room again, `on_close` when no more is wanted."""
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self._ended = False
        self._error: RequestError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._on_room = on_room
        self._on_close = on_close

    @property
    def is_full(self) -> bool:
        """Whether the connection must stop reading."""
        return self._size > HIGH_WATER

    def put(self, piece: bytes) -> None:
        """Add a piece."""
        if piece and not self._ended:
            self._pieces.append(piece)
            self._size += len(piece)
            self._wake()

    def end(self, error: RequestError | None = None) -> None:
        """Say that no more comes, and why if that is not the body's proper end."""
        if not self._ended:
            self._ended = True
            self._error = error
            self._wake()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Take the pieces; raises RequestError when the body breaks a limit."""
        while True:
            while self._pieces:
                piece = self._pieces.popleft()
                was_full = self._size > LOW_WATER
                self._size -= len(piece)
                if was_full and self._size <= LOW_WATER:
                    self._on_room()
                yield piece
            if self._ended:
                break
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        if self._error is not None:
            raise self._error

    async def aclose(self) -> None:
        """Take no more."""
        self._pieces.clear()
        self._size = 0
        if not self._ended:
            self._ended = True
            self._on_close()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
