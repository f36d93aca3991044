"""When keys were last used: noted as they are verified, written now and then, never waited for."""

from hx_gateway.core.clock import Clock
from hx_gateway.core.errors import DependencyError
from hx_gateway.core.ports import Store

EVERY_S = 5.0
MAX_NOTED = 50_000


class LastUse:
    """The uses that the store does not know yet; what cannot be written is kept, within bounds.

    A key is verified at its first use and again when its copy is too old, so a time is right to
    within `key_cache_s`, and an ordinary call has nothing to do with it.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        """Begin with nothing noted."""
        self._store = store
        self._clock = clock
        self._noted: dict[str, float] = {}

    def note(self, id_: str) -> None:
        """Note that a key is used now."""
        if len(self._noted) < MAX_NOTED or id_ in self._noted:
            self._noted[id_] = self._clock.now()

    async def write(self) -> None:
        """Write what was noted; during an outage keep it for the next time."""
        noted, self._noted = self._noted, {}
        if not noted:
            return
        try:
            await self._store.touch_keys(noted)
        except DependencyError:
            self._noted = {**noted, **self._noted}

    async def watch(self) -> None:
        """Write for ever (a background task)."""
        while True:
            await self._clock.sleep(EVERY_S)
            await self.write()
