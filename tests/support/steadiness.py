"""What the machine kept from us while something was timed: a late call is not always a slow program.

Beside a measurement a bare timer runs in the same event loop, and the kernel is asked how long the
main thread of another process stood in line for a processor (proc(5), schedstat) and what the
host took from the whole machine (steal).
"""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

TICK_S = 0.005
PROMPT_S = 0.1  # within this a clock that should start has started
_JIFFIES = os.sysconf("SC_CLK_TCK")


def waited_s(pid: int) -> float:
    """Seconds that the main thread of a process was ready to run and did not."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9


def stolen_s() -> float:
    """Seconds of processor time that the host gave to others."""
    line = Path("/proc/stat").read_text().partition("\n")[0]
    return int(line.split()[8]) / _JIFFIES


class Steadiness:
    """Notes every few milliseconds what was kept back since the last note."""

    def __init__(self, pid: int) -> None:
        """Watch this event loop, and the process `pid`."""
        self._pid = pid
        self._notes: list[tuple[float, float]] = []

    @contextlib.asynccontextmanager
    async def watching(self) -> AsyncIterator["Steadiness"]:
        task = asyncio.ensure_future(self._watch())
        try:
            yield self
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _watch(self) -> None:
        waited, stolen = waited_s(self._pid), stolen_s()
        while True:
            due = time.monotonic() + TICK_S
            await asyncio.sleep(TICK_S)
            now, waits, steals = time.monotonic(), waited_s(self._pid), stolen_s()
            self._notes.append((now, now - due + waits - waited + steals - stolen))
            waited, stolen = waits, steals

    def own_s(self, begun: float, limit_s: float, ended: float) -> float:
        """By how much something outlived its limit, without what was kept back; below 0: too early.

        That counts when the clock should start, and from when it runs out.
        """
        over_s, due = ended - begun - limit_s, begun + limit_s
        if over_s < 0:  # who measures saw late what had started the clock
            return min(over_s + self.missed_s((begun - PROMPT_S, begun)), 0.0)
        return max(over_s - self.missed_s((begun, begun + PROMPT_S), (due, ended)), 0.0)

    def missed_s(self, *spans: tuple[float, float]) -> float:
        """Seconds kept back within spans of monotonic time, with the notes that overlap them."""
        edge = 2 * TICK_S
        return sum(
            missed
            for at, missed in self._notes
            if any(begin - edge <= at <= end + edge for begin, end in spans)
        )
