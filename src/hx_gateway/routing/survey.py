"""Why each deployment of a route would be asked, or not: the plan's own rules, made visible.

Decides nothing and changes nothing; what is chosen is the plan's business.
"""

from collections.abc import Iterator

import msgspec

from hx_gateway.core.errors import Overloaded, UpstreamError
from hx_gateway.core.route import Deployment, Route
from hx_gateway.routing.fitness import Fitness
from hx_gateway.routing.plan import GiveUp, Ground, Plan, Try

_USABLE = "usable"
_PROBE = "has cooled down; the next call probes it"
_PROBED = "cools down; a probe is under way"
_OTHERS = "others fit the tags of the call"


class Prospect(msgspec.Struct, frozen=True, kw_only=True):
    """One deployment as a call would find it now. `reason` says why it is usable or not."""

    deployment: Deployment
    is_usable: bool
    reason: str
    in_flight: int = 0
    first_event_s: float = 0.0
    tokens_this_minute: int | None = None


def survey(
    route: Route, ground: Ground, fitness: Fitness | None, now: float
) -> tuple[Prospect, ...]:
    """Look at every deployment of a route, in the order they are tried by tier."""
    ordered = sorted(route.deployments, key=lambda each: each.order)
    return tuple(_prospect(each, route, ground, fitness, now) for each in ordered)


def walk(plan: Plan, now: float) -> Iterator[Try]:
    """Give whom a call would ask, one after another, if each of them were overloaded."""
    step = plan.first(now)
    while not isinstance(step, GiveUp):
        yield step
        step = plan.after(Overloaded("as if"), now)


def _prospect(
    deployment: Deployment, route: Route, ground: Ground, fitness: Fitness | None, now: float
) -> Prospect:
    vitals = ground.health.of(deployment)
    obstacle = None if fitness is None else _obstacle(deployment, route, fitness, now)
    meter = ground.meter
    is_metered = meter is not None and meter.knows(deployment.id)
    return Prospect(
        deployment=deployment,
        is_usable=obstacle is None and ground.health.is_usable(deployment, now),
        reason=obstacle or _standing(deployment, ground, now),
        in_flight=vitals.in_flight,
        first_event_s=vitals.first.mean(now),
        tokens_this_minute=meter.of(deployment, now).tokens if meter and is_metered else None,
    )


def _standing(deployment: Deployment, ground: Ground, now: float) -> str:
    if ground.health.is_closed(deployment):
        return _USABLE
    left_s = ground.health.of(deployment).open_until - now
    if left_s > 0:
        return f"cools down for {left_s:.1f} s more"
    return _PROBE if ground.health.is_usable(deployment, now) else _PROBED


def _obstacle(deployment: Deployment, route: Route, fitness: Fitness, now: float) -> str | None:
    """Say what the route's rules have against a deployment, in their own words."""
    if deployment not in _admitted(route, fitness):
        alone = msgspec.structs.replace(route, deployments=(deployment,))
        try:
            fitness.admit(alone)
        except UpstreamError as reason:
            return reason.message
        return _OTHERS
    obstacle = fitness.obstacle(deployment, now)
    return None if obstacle is None else obstacle.message


def _admitted(route: Route, fitness: Fitness) -> tuple[Deployment, ...]:
    try:
        return tuple(fitness.admit(route))
    except UpstreamError:
        return ()
