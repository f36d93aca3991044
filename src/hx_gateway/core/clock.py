"""Time and chance as values that are handed in, so that tests can move one and repeat the other."""

import asyncio
import random
import time
from typing import Protocol


class Clock(Protocol):
    """Where time comes from."""

    def now(self) -> float:
        """Seconds of wall time since 1970, UTC: for records and expiry, never for durations."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back: for durations and deadlines."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class Random(Protocol):
    """Where chance comes from; `random.Random` is one."""

    def random(self) -> float:
        """Draw from [0, 1)."""
        ...


class SystemClock:
    """The clock of this machine. The system's functions themselves: a call asks eight times."""

    now = staticmethod(time.time)  # noqa: TID251 - this is the one Clock that asks the system
    monotonic = staticmethod(time.monotonic)  # noqa: TID251 - as above

    async def sleep(self, seconds: float) -> None:
        """See `Clock`."""
        await asyncio.sleep(seconds)


def system_random() -> random.Random:
    """Give a generator seeded by the system; not for secrets."""
    return random.Random()  # noqa: S311 - balance and jitter, not cryptography
