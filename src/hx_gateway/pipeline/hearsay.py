"""Talks with other processes over the board: what they tell each other is in `routing/hearsay`.

A task of its own looks twice a second, and at once when there is something to tell; no call waits
for it. While the board is away each process goes by what it knows itself.
"""

import asyncio
import contextlib
import logging

from hx_gateway.core.clock import Clock
from hx_gateway.core.errors import DependencyError
from hx_gateway.core.ports import Board
from hx_gateway.core.route import Deployment
from hx_gateway.routing.hearsay import Refusals, Sharing, Topic

EVERY_S = 0.5
LEAST_S = 0.05  # between two looks, however much there is to tell
_log = logging.getLogger(__name__)


class Hearsay:
    """One process among those that share a board. `run` it in the background."""

    def __init__(self, board: Board, refusals: Refusals, sharing: Sharing, clock: Clock) -> None:
        """Nothing is told before `run`."""
        self._board = board
        self._clock = clock
        self.refusals = refusals
        self._topics: tuple[Topic, ...] = (refusals, sharing)
        self._news = asyncio.Event()
        refusals.on_belief = _believed

    def refused(self, deployment: Deployment) -> None:
        """Tell the others soon that a deployment was taken out because of what it said."""
        self.refusals.refused(deployment)
        self._news.set()

    def lost(self, deployment: Deployment) -> None:
        """Tell those of this machine soon that a deployment cannot be reached, or hangs."""
        self.refusals.lost(deployment)
        self._news.set()

    async def run(self) -> None:
        """Tell and listen, for ever."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), EVERY_S)
            self._news.clear()
            await self.exchange()
            await self._clock.sleep(LEAST_S)

    async def exchange(self) -> None:
        """Tell what there is to tell, and take over what others say."""
        told = [(topic, topic.tell(self._clock.monotonic())) for topic in self._topics]
        put = {name: left_s for _, telling in told for name, left_s in telling.put.items()}
        drop = [name for _, telling in told for name in telling.drop]
        try:
            notes = await self._board.exchange(put, drop)
        except DependencyError:
            for topic in self._topics:
                topic.hear_nothing(self._clock.monotonic())
            return
        now = self._clock.monotonic()
        for topic, telling in told:
            topic.told(telling, now)
            topic.hear(notes, now)

    async def aclose(self) -> None:
        """Hang up. What is on the board soon goes by itself."""
        await self._board.aclose()


def _believed(deployment: Deployment, seconds: float) -> None:
    _log.info(
        "deployment %s cools down for %.0f s: another process says so", deployment.id, seconds
    )
