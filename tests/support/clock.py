"""A clock that moves only when told, and chance that repeats."""

import random


class FakeClock:
    """Time in the hands of a test."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self._now = now
        self.slept: list[float] = []

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._now += seconds

    def advance(self, seconds: float) -> None:
        self._now += seconds


def seeded(seed: int = 7) -> random.Random:
    return random.Random(seed)
