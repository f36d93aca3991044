"""Count in the memory of one process: the counters of a gateway with one worker and no Redis."""

from collections.abc import Sequence

import msgspec

from hx_gateway.core.clock import Clock
from hx_gateway.core.errors import DependencyError

ROLE = "counters"


class _Cell(msgspec.Struct):
    value: int | bytes
    expires_at: float


class ProcessCounters:
    """Counters and values that expire; at most `limit` of them are alive at a time.

    When it is full of live ones, new names are refused: forgetting one would lift somebody's limit.
    """

    def __init__(self, clock: Clock, limit: int = 1_000_000) -> None:
        """`clock` is asked for monotonic seconds only."""
        self._clock = clock
        self._limit = limit
        self._cells: dict[str, _Cell] = {}
        self._sweep_at = 1024

    async def add(self, name: str, amount: int, ttl_s: float) -> int:
        """See `Counters`."""
        cell = self._alive(name)
        if cell is None:
            cell = self._keep(name, 0, ttl_s)
        if not isinstance(cell.value, int):
            raise TypeError(f"{name} is a kept value, not a counter")
        cell.value += amount
        return cell.value

    async def get(self, name: str) -> int:
        """See `Counters`."""
        cell = self._alive(name)
        return cell.value if cell and isinstance(cell.value, int) else 0

    async def put(self, name: str, value: bytes, ttl_s: float) -> None:
        """See `Counters`."""
        self._cells.pop(name, None)
        self._keep(name, value, ttl_s)

    async def take(self, name: str) -> bytes | None:
        """See `Counters`."""
        cell = self._alive(name)
        return cell.value if cell and isinstance(cell.value, bytes) else None

    async def delete(self, names: Sequence[str]) -> int:
        """See `Counters`."""
        alive = [name for name in dict.fromkeys(names) if self._alive(name)]
        for name in alive:
            del self._cells[name]
        return len(alive)

    async def ping(self) -> None:
        """See `Counters`."""

    async def aclose(self) -> None:
        """See `Counters`."""
        self._cells.clear()

    def _alive(self, name: str) -> _Cell | None:
        cell = self._cells.get(name)
        if cell is None or cell.expires_at > self._clock.monotonic():
            return cell
        del self._cells[name]
        return None

    def _keep(self, name: str, value: int | bytes, ttl_s: float) -> _Cell:
        if len(self._cells) >= self._sweep_at:
            self._sweep()
        cell = _Cell(value=value, expires_at=self._clock.monotonic() + ttl_s)
        self._cells[name] = cell
        return cell

    def _sweep(self) -> None:
        """Drop what has expired; run each time the number has doubled, so adding stays O(1)."""
        now = self._clock.monotonic()
        self._cells = {name: cell for name, cell in self._cells.items() if cell.expires_at > now}
        if len(self._cells) >= self._limit:
            raise DependencyError(ROLE, "Too many counters are alive; try again shortly.")
        self._sweep_at = min(max(2 * len(self._cells), 1024), self._limit)
