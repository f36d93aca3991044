"""Share over all processes which deployment answered somebody before.

What is noted is in `routing/pins.py`; here is what waits for the shared counters. When they are
away, each process goes by its own notes.
"""

from collections.abc import Mapping

from hx_gateway.core.call import Call
from hx_gateway.core.clock import Clock
from hx_gateway.core.errors import DependencyError
from hx_gateway.core.ports import Counters
from hx_gateway.core.principal import Principal
from hx_gateway.core.route import Route
from hx_gateway.core.tasks import spawn
from hx_gateway.routing.pins import PinRules, Pins


class Pinning:
    """The notes that several processes share. `rules` by the name of a route or a pattern."""

    def __init__(
        self, pins: Pins, rules: Mapping[str, PinRules], counters: Counters, clock: Clock
    ) -> None:
        """Tell others from now on what is noted here."""
        self._pins = pins
        self._rules = rules
        self._counters = counters
        self._clock = clock
        pins.on_change = self._share

    async def recall(self, route: Route, call: Call, principal: Principal) -> None:
        """Learn what others have noted of a call, where nothing is known here."""
        rules = self._rules.get(route.pattern or route.name)
        if rules is None:
            return
        now = self._clock.monotonic()
        for mark in rules.marks_of(call, route, principal.key_id).marks:
            if self._pins.get(mark.name, now) is not None:
                continue
            try:
                found = await self._counters.take(_shared_name(mark.name))
            except DependencyError:
                return
            if found is not None:
                self._pins.learn(mark, found.decode("utf-8", "replace"), now)

    def _share(self, name: str, deployment_id: str, ttl_s: float) -> None:
        _ = spawn(self._put(name, deployment_id, ttl_s), name="affinity")

    async def _put(self, name: str, deployment_id: str, ttl_s: float) -> None:
        try:
            await self._counters.put(_shared_name(name), deployment_id.encode(), ttl_s)
        except DependencyError:
            return  # noted here all the same


def _shared_name(name: str) -> str:
    return f"hx:affinity:{name}"
