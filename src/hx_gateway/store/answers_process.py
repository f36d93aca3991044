"""Keep answers in the memory of one process, within a number of bytes."""

from collections import OrderedDict
from collections.abc import Sequence

import msgspec

from hx_gateway.core.answers import ServerInfo, answer_label
from hx_gateway.core.clock import Clock

# What an entry costs beside its bytes: the label, the dictionary's place, the struct.
_OVERHEAD = 400


class _Kept(msgspec.Struct, frozen=True):
    value: bytes
    expires_at: float


class ProcessAnswers:
    """Kept answers; when there is no room, the one that was not asked for longest goes."""

    is_shared = False

    def __init__(self, clock: Clock, max_bytes: int) -> None:
        """`clock` is asked for monotonic seconds only."""
        self._clock = clock
        self._room = max_bytes
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    async def get(self, name: str, *, tenant: str) -> bytes | None:
        """See `Answers`."""
        label = answer_label(tenant, name)
        kept = self._kept.get(label)
        if kept is None:
            return None
        if kept.expires_at <= self._clock.monotonic():
            self._drop(label)
            return None
        self._kept.move_to_end(label)
        return kept.value

    async def get_all(self, names: Sequence[str], *, tenant: str) -> list[bytes | None]:
        """See `Answers`."""
        return [await self.get(name, tenant=tenant) for name in names]

    async def put(self, name: str, value: bytes, *, tenant: str, ttl_s: float) -> None:
        """See `Answers`."""
        label = answer_label(tenant, name)
        self._drop(label)
        self._kept[label] = _Kept(value, self._clock.monotonic() + ttl_s)
        self._room -= len(value) + _OVERHEAD
        while self._room < 0:
            self._drop(next(iter(self._kept)))

    async def delete(self, labels: Sequence[str]) -> int:
        """See `Answers`."""
        return sum(self._drop(label) for label in labels)

    async def flush(self) -> None:
        """See `Answers`."""
        for label in [*self._kept]:
            self._drop(label)

    async def lease(self, name: str, *, tenant: str, holder: str, ttl_s: float) -> bool:  # noqa: ARG002
        """See `Answers`: nobody else is there."""
        return True

    async def release(self, name: str, *, tenant: str, holder: str) -> None:
        """See `Answers`."""

    async def ping(self) -> None:
        """See `Answers`."""

    async def describe(self) -> ServerInfo | None:
        """See `Answers`."""
        return None

    async def aclose(self) -> None:
        """See `Answers`."""
        await self.flush()

    def _drop(self, label: str) -> bool:
        kept = self._kept.pop(label, None)
        if kept is None:
            return False
        self._room += len(kept.value) + _OVERHEAD
        return True
