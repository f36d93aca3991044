"""An upstream that streams as fast as it is read, or sends one event and then nothing."""

import asyncio

from tests.support.counting import event
from tests.support.listener import Asked, Listener, Wire

PIECE = event({"content": "x" * 4000})


class PouringUpstream(Listener):
    """A prompt with `idle` gets one event; any other gets 4 KiB events without end.

    `poured` are the bytes that were taken, of all streams.
    """

    def __init__(self) -> None:
        """Nothing has been poured."""
        super().__init__(self._handle)
        self.poured = 0

    async def _handle(self, asked: Asked, wire: Wire) -> None:
        await wire.begin()
        if b"idle" in asked.body:
            await wire.piece(event({"content": "a"}))
            await asyncio.Event().wait()
        while True:
            await wire.piece(PIECE)
            self.poured += len(PIECE)
            await asyncio.sleep(0)
