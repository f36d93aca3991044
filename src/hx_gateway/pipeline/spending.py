"""Count what deployments cost against their budgets, over all processes when they share counters.

Arithmetic is in `routing/purse.py`; here is what waits for the shared counters. When they are away,
each process counts for itself, and tells the others later.
"""

from hx_gateway.core.clock import Clock
from hx_gateway.core.errors import DependencyError
from hx_gateway.core.ports import Counters
from hx_gateway.core.receipt import Receipt
from hx_gateway.core.tasks import spawn
from hx_gateway.routing.purse import Purse, Purses

EVERY_S = 1.0
LEAST_TTL_S = 1.0


class Spending:
    """The budgets of this process; a `ReceiptSink`. `counters` None: not shared."""

    def __init__(self, purses: Purses, clock: Clock, counters: Counters | None) -> None:
        """Nothing is shared until `run`, or a call that costs something."""
        self.purses = purses
        self._clock = clock
        self._counters = counters

    def take(self, receipt: Receipt) -> None:
        """Count what a settled call cost; others hear of it a moment later."""
        purses = self.purses.spend(receipt)
        if self._counters is not None:
            for purse in purses:
                _ = spawn(self._share(purse), name="budget")

    async def run(self) -> None:
        """Ask for ever what others have spent, as long as there are budgets."""
        if self._counters is None:
            return
        while True:
            await self.refresh()
            await self._clock.sleep(EVERY_S)

    async def refresh(self) -> None:
        """Learn once what others have spent, and tell them what they could not be told before."""
        for purse in self.purses:
            if not await self._share(purse):
                return  # they are away, for the other purses as well

    async def _share(self, purse: Purse) -> bool:
        if self._counters is None:
            return False
        amount, name = purse.hand_over(), _name(purse)
        try:
            if amount:
                ttl_s = max(purse.ends_at - self._now(), LEAST_TTL_S)
                total = await self._counters.add(name, amount, ttl_s)
            else:
                total = await self._counters.get(name)
        except DependencyError:
            purse.take_back(amount)
            return False
        purse.saw(total, self._now(), handed=amount)
        return True

    def _now(self) -> float:
        return self.purses.now(self._clock.monotonic())


def _name(purse: Purse) -> str:
    budget = purse.budget
    return f"hx:budget:{budget.kind}:{budget.name}:{budget.period}"
