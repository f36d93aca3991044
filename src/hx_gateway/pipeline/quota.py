"""Hold the use of deployments against their limits, over all processes when they share counters.

Arithmetic is in `routing/meter.py`; here is what waits for the shared counters. When they are away,
each process counts for itself.
"""

from collections.abc import Iterable

from hx_gateway.core.clock import Clock
from hx_gateway.core.errors import DependencyError
from hx_gateway.core.ports import Counters
from hx_gateway.core.receipt import Receipt
from hx_gateway.core.route import Deployment
from hx_gateway.core.tasks import spawn
from hx_gateway.routing.meter import MINUTE_S, Meter


class Quota:
    """The counted deployments of one snapshot; a `ReceiptSink`. `counters` None: not shared."""

    def __init__(
        self,
        meter: Meter,
        clock: Clock,
        counters: Counters | None,
        deployments: Iterable[Deployment],
    ) -> None:
        """Count these deployments from now on."""
        self.meter = meter
        self._clock = clock
        self._counters = counters
        meter.watch(deployments)

    async def admit(self, deployment: Deployment) -> None:
        """Count a request before it is sent; raises Exhausted when others have used the minute up.

        The shared count goes up first and is read in the same step, so no two processes can both
        take the last place.
        """
        now = self._clock.monotonic()
        self.meter.begin(deployment, now)
        requests = await self._add(deployment.id, "requests", 1, now)
        if requests is None:
            return
        self.meter.saw(deployment.id, now, requests=requests)
        if deployment.rpm is not None and requests > deployment.rpm:
            raise self.meter.exhausted(now)

    def take(self, receipt: Receipt) -> None:
        """Count the tokens of a settled call; others hear of them a moment later."""
        self.meter.take(receipt)
        tokens, id_ = receipt.usage.total, receipt.parties.deployment_id
        if self._counters is not None and tokens and id_ is not None and self.meter.knows(id_):
            _ = spawn(self._share(id_, tokens), name="tokens")

    async def _share(self, deployment_id: str, tokens: int) -> None:
        now = self._clock.monotonic()
        total = await self._add(deployment_id, "tokens", tokens, now)
        if total is not None:
            self.meter.saw(deployment_id, now, tokens=total)

    async def _add(self, deployment_id: str, what: str, amount: int, now: float) -> int | None:
        if self._counters is None:
            return None
        name = f"hx:deployment:{deployment_id}:{self.meter.minute(now)}:{what}"
        try:
            return await self._counters.add(name, amount, 2.0 * MINUTE_S)
        except DependencyError:
            return None
