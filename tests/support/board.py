"""A board in memory: what the processes of a test leave for each other."""

from collections.abc import Mapping, Sequence

from hx_gateway.core.clock import Clock
from hx_gateway.core.errors import DependencyError
from hx_gateway.core.ports import Note


class MemoryBoard:
    """Passes the contract suite of `Board`; `is_away` makes it refuse."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._notes: dict[str, tuple[float, float]] = {}
        self.is_away = False
        self.exchanges = 0

    @property
    def names(self) -> set[str]:
        """What is on the board, whether its time is over or not."""
        return set(self._notes)

    async def exchange(self, put: Mapping[str, float], drop: Sequence[str]) -> list[Note]:
        self.exchanges += 1
        if self.is_away:
            raise DependencyError("Redis")
        now = self._clock.monotonic()
        self._notes |= {name: (now, now + seconds) for name, seconds in put.items()}
        for name in drop:
            self._notes.pop(name, None)
        self._notes = {name: times for name, times in self._notes.items() if times[1] > now}
        return [Note(name, now - put, ends - now) for name, (put, ends) in self._notes.items()]

    async def aclose(self) -> None:
        pass
