"""Looks after attempts that wait for an upstream, and moves them on when it hangs.

What counts as a hang is decided in `routing/stall.py`; here is the task that asks, and what ends a
wait: the attempt is cancelled as a time-out of asyncio would, and ends as `Stalled`.
"""

import asyncio
import logging
from collections.abc import Callable

from hx_gateway.core.clock import Clock
from hx_gateway.core.errors import Stalled
from hx_gateway.routing.health import Health, State
from hx_gateway.routing.plan import Try
from hx_gateway.routing.stall import Stalls, Waiting

EVERY_S = 0.25
_log = logging.getLogger(__name__)


class Watchdog:
    """Watches the attempts of this process. `run` it in the background."""

    def __init__(self, health: Health, clock: Clock) -> None:
        """Nothing is watched until `run`; a patience of 0 switches it off."""
        self._health = health
        self._clock = clock
        self.stalls = Stalls(health)

    def begin(
        self,
        step: Try,
        began: float,
        may_move: Callable[[float], bool],
        *,
        stream: bool,
        mib: float = 0.0,
    ) -> Waiting:
        """Watch an attempt of the current task; `mib` is the size of its upload, if it is one."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - an attempt runs in a task
        waiting = Waiting(
            step.deployment,
            step.route,
            began,
            stream=stream,
            may_move=may_move,
            move=task.cancel,
            mib=mib,
        )
        self.stalls.begin(waiting)
        return waiting

    async def run(self) -> None:
        """Look after what waits, for ever."""
        while True:
            await self._clock.sleep(EVERY_S)
            self.look(self._clock.monotonic())

    def look(self, now: float) -> None:
        """Find what hangs, take it out of use, and move on whoever waits there and can.

        All of them begin elsewhere after this look, so each is counted for the next one's chances.
        """
        for group in self.stalls.find(now):
            deployment = group[0].deployment
            if self._health.of(deployment).state(now) is not State.OPEN:
                _log.warning("deployment %s takes calls and does not answer", deployment.id)
                self._health.stalled(deployment, now)
            for waiting in group:
                if not waiting.has_moved and waiting.may_move(now):
                    waiting.has_moved = True
                    waiting.move()
                    self._health.promised += 1
        self._health.promised = 0


def fault_of(waiting: Waiting | None) -> Stalled | None:
    """Tell whether a cancellation was ours: the fault it stands for, else None."""
    if waiting is None or not waiting.has_moved:
        return None
    task = asyncio.current_task()
    if task is not None and task.uncancel() > 0:
        return None  # the client has left as well
    return Stalled("The upstream took the call and did not answer.")
