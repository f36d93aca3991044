"""Plans over made-up routes, walked by telling them of faults."""

from typing import Any

from tests.support.clock import seeded
from tests.support.deployments import deployment, route

from hx_gateway.core.call import Detour
from hx_gateway.core.errors import (
    ContentRefused,
    ContextWindowExceeded,
    CredentialRefused,
    Exhausted,
    Overloaded,
    Rejected,
    TimedOut,
    Unfit,
    Unreachable,
    UpstreamError,
)
from hx_gateway.core.route import Deployment, Route
from hx_gateway.routing.balance import strategies
from hx_gateway.routing.health import Health
from hx_gateway.routing.plan import Errand, GiveUp, Ground, Plan, RetryPolicy, Step

A, B, C = deployment("a"), deployment("b", order=1), deployment("c")
PEER = deployment("a2")  # beside A; B is behind it
BUSY, DOWN, SLOW = Overloaded("busy"), Unreachable("down"), TimedOut("slow")
BAD, LONG, RUDE = Rejected("bad"), ContextWindowExceeded("long"), ContentRefused("rude")
KEY, LIMITED = CredentialRefused("key"), Overloaded("limited", upstream_status=429)
SPARE, OTHER = route("spare", C), route("other", deployment("d"))
CHAIN = route("chain", deployment("e"), fallbacks=("m", "spare"))
NOW = 100.0


def plan(
    main: Route, *, health: Health | None = None, policy: RetryPolicy | None = None, **errand: Any
) -> Plan:
    routes = {each.name: each for each in (SPARE, OTHER, CHAIN, main)}
    ground = Ground(
        health=health or Health(),
        random=seeded(),
        policy=policy or RetryPolicy(),
        strategies=strategies({}),
    )
    errand.setdefault("find", routes.get)
    return Plan(main, ground, Errand(**errand))


def to(*names: str) -> tuple[Detour, ...]:
    return tuple(Detour(model=name) for name in names)


def walk(plan: Plan, faults: list[UpstreamError]) -> list[str]:
    steps = [plan.first(NOW), *(plan.after(fault, NOW) for fault in faults)]
    return [shown(step) for step in steps]


def shown(step: Step) -> str:
    if isinstance(step, GiveUp):
        return f"give up: {step.fault.message}"
    mark = "+" if step.wait else ""
    return f"{step.deployment.id}{mark}{' (fallback)' if step.fallback else ''}"


def opened(health: Health, *names: str) -> Health:
    for name in names:
        for _ in range(3):
            health.failed(deployment(name), NOW, DOWN, alone=False)
    return health


class Fussy:
    """A fitness that admits, has room for, and prefers what it is told."""

    def __init__(self, admits: str = "abcd", rooms: str = "abcd", likes: str = "") -> None:
        self.admits, self.rooms, self.likes = admits, rooms, likes

    def admit(self, route: Route) -> list[Deployment]:
        left = [each for each in route.deployments if each.id in self.admits]
        if not left:
            raise Unfit("unfit")
        return left

    def obstacle(self, deployment: Deployment, now: float) -> UpstreamError | None:
        return None if deployment.id in self.rooms else Exhausted("full", retry_after_s=9.0)

    def prefer(self, usable: list[Deployment], now: float) -> list[Deployment]:
        return [each for each in usable if each.id in self.likes] or usable

    def chosen(self, deployment: Deployment, now: float) -> None:
        assert deployment.id in self.admits
