"""An upstream that streams as fast as it is read, or sends one event and then nothing."""

import asyncio

from tests.support.counting import event
from tests.support.listener import Asked, Listener, Wire


class PouringUpstream(Listener):
    """A prompt with `idle` gets one event; any other gets events of `piece` bytes without end.

    `poured` are the bytes that were taken, of all streams.
    """

    def __init__(self, piece: int = 4000) -> None:
        """Nothing has been poured."""
        super().__init__(self._handle)
        self._event = event({"content": "x" * piece})
        self.poured = 0

    async def _handle(self, asked: Asked, wire: Wire) -> None:
        await wire.begin()
        if b"idle" in asked.body:
            await wire.piece(event({"content": "a"}))
            await asyncio.Event().wait()
        while True:
            await wire.piece(self._event)
            self.poured += len(self._event)
            await asyncio.sleep(0)
