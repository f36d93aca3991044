"""What was spent of each budget in its period, and who may not be asked because of it.

Arithmetic and time only. A shared count, where there is one, is told to it (`Purse.saw`); what this
process spent and has not shared yet is added to it.
"""

from collections.abc import Iterable, Iterator, Mapping

from hx_gateway.core.budget import DEPLOYMENT, PROVIDER, TAG, Budget
from hx_gateway.core.duration import end_of
from hx_gateway.core.errors import Overspent
from hx_gateway.core.receipt import Receipt
from hx_gateway.core.route import Deployment

_SAID = {
    PROVIDER: "The budget of the model's provider is used up",
    DEPLOYMENT: "The budget of the model is used up",
    TAG: "The budget of a tag of this call is used up",
}


class Purse:
    """One budget and what was spent of it, in nano-dollars. Times are seconds since 1970."""

    __slots__ = ("_handed", "_pending", "_shared", "budget", "ends_at")

    def __init__(self, budget: Budget) -> None:
        """Nothing was spent yet."""
        self.budget = budget
        self.ends_at = 0.0
        self._shared = 0  # what all processes are known to have spent
        self._pending = 0  # what only this one knows of
        self._handed = 0  # what is on its way to the others

    def spent(self, now: float) -> int:
        """Give what was spent in this period."""
        return self._shared + self._pending + self._handed if now < self.ends_at else 0

    def is_empty(self, now: float) -> bool:
        """Say whether nothing is left."""
        return self.spent(now) >= self.budget.limit

    def spend(self, cost: int, now: float) -> None:
        """Take what a call cost; the first one begins a period."""
        if now >= self.ends_at:
            self._shared = self._pending = 0
            self.ends_at = end_of(self.budget.period, now)
        self._pending += cost

    def hand_over(self) -> int:
        """Give what the others do not know of; it counts here until they answer."""
        amount, self._pending = self._pending, 0
        self._handed += amount
        return amount

    def take_back(self, amount: int) -> None:
        """Keep what the others could not be told."""
        self._handed -= amount
        self._pending += amount

    def saw(self, total: int, now: float, *, handed: int = 0) -> None:
        """Learn what all have spent, `handed` of this process included."""
        self._handed -= handed
        self._shared = total
        if total and now >= self.ends_at:
            self.ends_at = end_of(self.budget.period, now)  # others began; it ends no later


class Purses:
    """All budgets of the configuration that is in force. What was spent survives a reload."""

    def __init__(self, offset_s: float = 0.0) -> None:
        """`offset_s` added to monotonic time is seconds since 1970."""
        self._offset_s = offset_s
        self._purses: dict[tuple[str, str], Purse] = {}
        self._has_tags = False

    def watch(self, budgets: Iterable[Budget]) -> None:
        """Keep these budgets from now on; one with another period begins anew."""
        kept = self._purses
        self._purses = {}
        for budget in budgets:
            purse = kept.get((budget.kind, budget.name))
            if purse is None or purse.budget.period != budget.period:
                purse = Purse(budget)
            purse.budget = budget
            self._purses[budget.kind, budget.name] = purse
        self._has_tags = any(kind == TAG for kind, _ in self._purses)

    def __iter__(self) -> Iterator[Purse]:
        """Iterate over all."""
        return iter(list(self._purses.values()))

    def now(self, monotonic: float) -> float:
        """Give the time of purses."""
        return monotonic + self._offset_s

    def bounds(self, deployments: Iterable[Deployment]) -> bool:
        """Say whether a budget may ever stand in the way of one of these."""
        return bool(self._purses) and (
            self._has_tags or any(any(self._of(each)) for each in deployments)
        )

    @property
    def reads_tags(self) -> bool:
        """Whether the tags of calls matter."""
        return self._has_tags

    def spend(self, receipt: Receipt) -> list[Purse]:
        """Count what a call cost; gives the purses it came from."""
        if not receipt.cost:
            return []
        now = receipt.started_at + receipt.seconds
        names = [
            (PROVIDER, receipt.parties.provider),
            (DEPLOYMENT, receipt.parties.deployment_id),
            *((TAG, tag) for tag in receipt.tags if self._has_tags),
        ]
        concerned = [
            purse
            for kind, name in names
            if name is not None and (purse := self._purses.get((kind, name))) is not None
        ]
        for purse in concerned:
            purse.spend(receipt.cost, now)
        return concerned

    def obstacle(
        self, deployment: Deployment, monotonic: float, tags: Iterable[str] = ()
    ) -> Overspent | None:
        """Say why a deployment may not be asked: a budget of its own, its provider's, a tag's."""
        now = self.now(monotonic)
        for purse in self._of(deployment, tags):
            if purse.is_empty(now):
                return Overspent(
                    f"{_SAID[purse.budget.kind]}; a new one begins later.",
                    retry_after_s=max(purse.ends_at - now, 1.0),
                )
        return None

    def left_of_providers(self, monotonic: float) -> Mapping[str, int]:
        """Give what is left of each provider's budget, in nano-dollars."""
        now = self.now(monotonic)
        return {
            purse.budget.name: max(purse.budget.limit - purse.spent(now), 0)
            for purse in self
            if purse.budget.kind == PROVIDER
        }

    def _of(self, deployment: Deployment, tags: Iterable[str] = ()) -> Iterator[Purse]:
        find = self._purses.get
        for key in (
            (PROVIDER, deployment.provider.name),
            (DEPLOYMENT, deployment.id),
            *((TAG, tag) for tag in tags),
        ):
            purse = find(key)
            if purse is not None:
                yield purse
