"""The deployments of one route, as one call finds them: who fits, who has room, who was asked.

Chooses among them; whether to ask anybody at all, and what follows, is decided in `plan.py`.
"""

from collections.abc import Callable, Sequence

from hx_gateway.core.errors import NodeBusy, UpstreamError
from hx_gateway.core.route import Deployment, Route
from hx_gateway.routing.balance import Moment, pick
from hx_gateway.routing.ground import Errand, Ground

_Tiers = Sequence[Sequence[Deployment]]
# Says whether an upstream may be asked a second attempt at a time. None: it is a call's first.
Allows = Callable[[Deployment, float], bool]


class Group:
    """A route for one call.

    `tries`: attempts made in it. `full`: those that lacked only a free place at the last look.
    `reason`: the first obstacle met.
    """

    __slots__ = (
        "_asked", "_fit", "_ground", "_stream", "_tiers", "full", "reason", "route", "tries",
    )  # fmt: skip

    def __init__(self, route: Route, ground: Ground, errand: Errand) -> None:
        """Look at nothing yet."""
        self.route = route
        self.tries = 0
        self.full: tuple[Deployment, ...] = ()
        self.reason: UpstreamError | None = None
        self._ground = ground
        self._stream = errand.stream
        self._fit = None if errand.fit is None else errand.fit(route)
        self._tiers: _Tiers | None = None
        self._asked: tuple[str, ...] = ()

    def usable(
        self, now: float, allows: Allows | None, beyond: int | None = None
    ) -> Sequence[Deployment]:
        """Give those of the lowest tier with anybody usable; none: all were asked or cool down.

        `beyond` leaves out tiers of this order and below. A second attempt must be allowed, and
        risks no probe while there is another. A first one probes what has cooled down: no strategy
        would find out by itself that it is back.
        """
        self.full = ()
        health = self._ground.health
        for tier in self._candidates():
            if beyond is not None and tier[0].order <= beyond:
                continue
            closed, on_trial = health.sort_out(tier, now)
            if allows is not None or self._fit is not None:
                closed = [each for each in closed if self._may_ask(each, now, allows)]
                on_trial = [each for each in on_trial if self._may_ask(each, now, allows)]
            if on_trial and allows is None:
                return on_trial[:1]
            if closed or on_trial:
                return closed or on_trial
        return ()

    def choose(self, usable: Sequence[Deployment], now: float, allows: Allows | None) -> Deployment:
        """Choose one of those that were found usable; at least one."""
        ground, fit = self._ground, self._fit
        if allows is None and len(usable) == 1 and not ground.health.is_closed(usable[0]):
            return usable[0]  # the probe
        if fit is not None:
            usable = list(fit.prefer(usable, now))
        moment = Moment(ground.health, ground.random, now, self._stream, ground.meter)
        chosen = pick(usable, ground.strategies[self.route.strategy], moment)
        if fit is not None:
            fit.chosen(chosen, now)
        return chosen

    def pick(
        self, now: float, allows: Allows | None, beyond: int | None = None
    ) -> Deployment | None:
        """Choose one of the usable; None: there is none."""
        usable = self.usable(now, allows, beyond)
        return self.choose(usable, now, allows) if usable else None

    def least_bad(self, now: float) -> Deployment | None:
        """Give the one that reopens first, of all that fit: never all open."""
        everyone = [each for tier in self._candidates() for each in tier if self._fits(each, now)]
        health = self._ground.health
        return min(everyone, key=lambda each: health.of(each).open_until, default=None)

    def ask(self, deployment: Deployment) -> None:
        """Note that it is asked."""
        self._asked = (*self._asked, deployment.id)
        self.tries += 1

    def moved(self, deployment: Deployment) -> None:
        """Note that this one was asked in the place of the last."""
        self._asked = (*self._asked[:-1], deployment.id)

    def _candidates(self) -> _Tiers:
        if self._tiers is None:
            deployments = self.route.deployments
            if self._fit is not None:
                try:
                    deployments = tuple(self._fit.admit(self.route))
                except UpstreamError as reason:
                    self.reason = self.reason or reason
                    deployments = ()
            self._tiers = _tiers(deployments)
        return self._tiers

    def _may_ask(self, deployment: Deployment, now: float, allows: Allows | None) -> bool:
        if deployment.id in self._asked:
            return False
        if allows is not None and not allows(deployment, now):
            return False
        return self._fit is None or self._fits(deployment, now)

    def _fits(self, deployment: Deployment, now: float) -> bool:
        """Say whether it has room; if not, keep why."""
        reason = None if self._fit is None else self._fit.obstacle(deployment, now)
        if reason is None:
            return True
        self.reason = self.reason or reason
        if isinstance(reason, NodeBusy):
            self.full = (*self.full, deployment)
        return False


def _tiers(deployments: Sequence[Deployment]) -> _Tiers:
    """Group by `order`, lowest first."""
    if len({each.order for each in deployments}) == 1:
        return (deployments,)
    tiers: dict[int, list[Deployment]] = {}
    for deployment in deployments:
        tiers.setdefault(deployment.order, []).append(deployment)
    return [tiers[key] for key in sorted(tiers)]
