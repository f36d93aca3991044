"""Do long work in slices, between which everybody else has their turn."""

import asyncio
from collections.abc import Awaitable, Callable

# Vectors are read and written at some 200 MB in a second: about 10 ms, several times that on a
# machine that is busy.
SLICE = 2 * 1024 * 1024


async def _give_way() -> None:
    await asyncio.sleep(0)


class Pace:
    """How much of one piece of work is done in one go, in bytes."""

    def __init__(self, pause: Callable[[], Awaitable[None]] = _give_way) -> None:
        """`pause` is waited for after each slice."""
        self._pause = pause
        self._done = 0

    async def did(self, size: int) -> None:
        """Say how many bytes were gone through; pauses when it was a slice."""
        self._done += size
        if self._done >= SLICE:
            self._done = 0
            await self._pause()
