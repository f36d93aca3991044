"""Keep callers away from a dependency that does not answer, and find out when it is back.

Slow is worse than down: after a few failures in a row every call is refused at once, and only a
probe in the background goes on asking.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from hx_gateway.core.clock import Clock, Random
from hx_gateway.core.errors import DependencyError
from hx_gateway.core.tasks import spawn

_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 1.0  # healed within two seconds of the return, with the time of one probe


class Breaker:
    """The state of one dependency: closed (calls go through) or open (they are refused at once).

    It starts open and asking; until the first answer, calls wait instead of being refused.
    """

    def __init__(
        self,
        probe: Callable[[], Awaitable[None]],
        reason: DependencyError,
        *,
        clock: Clock,
        random: Random,
        limit: int = 3,
    ) -> None:
        """`probe` raises DependencyError while it must stay open; needs a running event loop."""
        self._probe = probe
        self._clock = clock
        self._random = random
        self._limit = limit
        self._failures = 0
        self._asked = asyncio.Event()
        self._reason: DependencyError | None = None
        self._task = self._open(reason)

    async def admit(self, wait_s: float) -> None:
        """Return when a call may go through; raises why not. Waits only for the first probe."""
        if not self._asked.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._asked.wait(), wait_s)
        if self._reason is not None:
            raise again(self._reason)

    def succeeded(self) -> None:
        """Say that a call was answered."""
        self._failures = 0

    def failed(self, reason: DependencyError) -> None:
        """Say that a call was not answered; opens at the limit."""
        self._failures += 1
        if self._failures >= self._limit and self._reason is None:
            self._task = self._open(reason)

    async def aclose(self) -> None:
        """Stop asking."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def _open(self, reason: DependencyError) -> asyncio.Task[None]:
        self._reason = reason
        return spawn(self._ask_until_well(), name=f"probe {reason.role}")

    async def _ask_until_well(self) -> None:
        pause = _FIRST_PAUSE_S
        while self._reason is not None:
            try:
                await self._probe()
            except DependencyError as error:
                self._reason = error
            else:
                self._failures = 0
                self._reason = None
            self._asked.set()
            if self._reason is not None:
                await self._clock.sleep(pause * (0.5 + self._random.random() / 2))
                pause = min(2 * pause, _LONGEST_PAUSE_S)


def again(error: DependencyError) -> DependencyError:
    """Copy an error: one that is raised many times would collect the traceback of each."""
    return DependencyError(error.role, error.message, code=error.error_code)
