"""The walk of a call over deployments, retries and fallbacks."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from msgspec import Raw
from tests.support.clock import seeded
from tests.support.deployments import deployment, route

from hx_gateway.core.call import Detour, Wishes
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
from hx_gateway.routing.plan import Errand, GiveUp, Ground, Plan, RetryPolicy, Step, Try

A, B, C = deployment("a"), deployment("b", order=1), deployment("c")
BUSY, DOWN, SLOW = Overloaded("busy"), Unreachable("down"), TimedOut("slow")
BAD, LONG, RUDE = Rejected("bad"), ContextWindowExceeded("long"), ContentRefused("rude")
KEY, LIMITED = CredentialRefused("key"), Overloaded("limited", upstream_status=429)
SPARE, OTHER = route("spare", C), route("other", deployment("d"))
NOW = 100.0


def plan(
    main: Route, *, health: Health | None = None, policy: RetryPolicy | None = None, **errand: Any
) -> Plan:
    routes = {main.name: main, "spare": SPARE, "other": OTHER}
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


@pytest.mark.parametrize(
    ("main", "faults", "steps"),
    [
        (route("m", A), [], ["a"]),
        (route("m", A), [BUSY], ["a", "a+"]),
        (route("m", A), [BUSY, BUSY, BUSY], ["a", "a+", "a+", "give up: busy"]),
        (route("m", A, B), [DOWN], ["a", "b"]),
        (route("m", A, B), [DOWN, DOWN], ["a", "b", "b+"]),
        (route("m", A), [SLOW], ["a", "give up: slow"]),  # it had its time once
        (route("m", A, B), [SLOW, SLOW], ["a", "b", "give up: slow"]),
        (route("m", A, B), [BAD], ["a", "give up: bad"]),  # nobody else's to answer
        (route("m", A), [KEY], ["a", "give up: key"]),
        (route("m", A, B), [KEY], ["a", "b"]),
        (route("m", A, fallbacks=("spare",)), [BUSY, BUSY], ["a", "a+", "c (fallback)"]),
        (route("m", A, fallbacks=("spare",)), [SLOW], ["a", "c (fallback)"]),
        (route("m", A, fallbacks=("spare",)), [BAD], ["a", "give up: bad"]),
        (route("m", A, B), [LONG], ["a", "give up: long"]),
        (route("m", A, B, fallbacks=("spare",)), [LONG], ["a", "c (fallback)"]),
        (
            route("m", A, fallbacks=("spare",), context_window_fallbacks=("other",)),
            [LONG],
            ["a", "d (fallback)"],
        ),
        (
            route("m", A, B, context_window_fallbacks=("spare",)),
            [LONG],
            ["a", "c (fallback)"],
        ),
        (route("m", A, content_policy_fallbacks=("spare",)), [RUDE], ["a", "c (fallback)"]),
        (route("m", A, fallbacks=("nowhere",)), [SLOW], ["a", "give up: slow"]),
        (route("m", A, fallbacks=("m",)), [SLOW], ["a", "give up: slow"]),
    ],
)
def test_plan_walks(main: Route, faults: list[UpstreamError], steps: list[str]) -> None:
    assert walk(plan(main), faults) == steps


def test_three_attempts_are_all_whatever_there_is_to_try() -> None:
    many = route("m", *(deployment(f"d{n}") for n in range(9)), fallbacks=("spare",))
    steps = walk(plan(many), [DOWN] * 5)
    assert sum(not step.startswith("give up") for step in steps) == 3


def test_retry_after_is_obeyed_and_a_long_one_is_not_waited_for() -> None:
    walker = plan(route("m", A))
    walker.first(NOW)
    step = walker.after(Overloaded("busy", retry_after_s=2.0), NOW)
    assert isinstance(step, Try)
    assert 2.0 <= step.wait <= 2.25
    walker = plan(route("m", A))
    walker.first(NOW)
    assert isinstance(walker.after(Overloaded("busy", retry_after_s=120.0), NOW), GiveUp)


@pytest.mark.parametrize(
    ("main", "wishes", "faults", "steps"),
    [
        (
            route("m", A, fallbacks=("spare",)),
            {"use_fallbacks": False},
            [SLOW],
            ["a", "give up: slow"],
        ),
        (route("m", A), {"retries": 0}, [BUSY], ["a", "give up: busy"]),
        (route("m", A), {"retries": 9}, [BUSY] * 3, ["a", "a+", "a+", "give up: busy"]),
        (route("m", A), {"fallbacks": to("spare")}, [SLOW], ["a", "c (fallback)"]),
        (
            route("m", A, fallbacks=("other",)),  # the caller's list takes the place of ours
            {"fallbacks": to("spare")},
            [SLOW, SLOW],
            ["a", "c (fallback)", "give up: slow"],
        ),
        (route("m", A), {"context_window_fallbacks": to("spare")}, [LONG], ["a", "c (fallback)"]),
        (route("m", A), {"content_policy_fallbacks": to("spare")}, [RUDE], ["a", "c (fallback)"]),
        (route("m", A), {"fallbacks": to("spare")}, [LONG], ["a", "c (fallback)"]),
        (route("m", A), {"fallbacks": to("spare")}, [BAD], ["a", "give up: bad"]),
        (route("m", A), {"fallbacks": to("nowhere", "m")}, [SLOW], ["a", "give up: slow"]),
    ],
)
def test_a_caller_may_decide_for_its_own_call(
    main: Route, wishes: dict[str, Any], faults: list[UpstreamError], steps: list[str]
) -> None:
    assert walk(plan(main, wishes=Wishes(**wishes)), faults) == steps


def test_a_fallback_of_the_callers_own_may_change_the_body() -> None:
    fields = {"model": Raw(b'"spare"'), "messages": Raw(b"[]")}
    wishes = Wishes(fallbacks=(Detour(model="spare", fields=fields),))
    walker = plan(route("m", A), wishes=wishes)
    first = walker.first(NOW)
    step = walker.after(SLOW, NOW)
    assert isinstance(first, Try)
    assert isinstance(step, Try)
    assert (first.fields, step.fields) == ({}, fields)


@pytest.mark.parametrize(
    ("retries", "faults", "steps"),
    [
        ({"RateLimit": 0}, [LIMITED], ["a", "give up: limited"]),
        ({"RateLimit": 0}, [BUSY], ["a", "a+"]),  # others are retried as everywhere
        ({"RateLimit": 1}, [LIMITED] * 2, ["a", "a+", "give up: limited"]),
        ({"Timeout": 1}, [SLOW], ["a", "a+"]),  # asked for, so it gets its time again
        ({"BadRequest": 1}, [BAD, BAD], ["a", "a+", "give up: bad"]),
        ({"Default": 0}, [BUSY], ["a", "give up: busy"]),
        ({"Default": 0, "InternalServer": 1}, [BUSY], ["a", "a+"]),
    ],
)
def test_a_retry_policy_decides_by_the_kind_of_fault(
    retries: dict[str, int], faults: list[UpstreamError], steps: list[str]
) -> None:
    assert walk(plan(route("m", A, retries=retries)), faults) == steps


def test_a_deployment_may_have_its_own_number_of_retries() -> None:
    once = deployment("once", max_retries=0)
    assert walk(plan(route("m", once)), [BUSY]) == ["once", "give up: busy"]


def test_a_fallback_that_the_caller_may_not_use_is_passed_over() -> None:
    main = route("m", A, fallbacks=("secret", "spare"))
    routes = {"spare": SPARE, "secret": OTHER}
    allowed = {"spare"}
    find = lambda name: routes.get(name) if name in allowed else None  # noqa: E731
    assert walk(plan(main, find=find), [SLOW]) == ["a", "c (fallback)"]
    allowed.add("secret")  # the control
    assert walk(plan(main, find=find), [SLOW]) == ["a", "d (fallback)"]


@pytest.mark.parametrize(
    ("deadline", "steps"),
    [(NOW + 60.0, ["a", "a+"]), (NOW + 1.0, ["a", "give up: busy"]), (NOW, ["a", "give up: busy"])],
)
def test_nothing_is_begun_after_the_deadline(deadline: float, steps: list[str]) -> None:
    busy = Overloaded("busy", retry_after_s=2.0)
    assert walk(plan(route("m", A), deadline=deadline), [busy]) == steps


def test_waits_before_a_retry_are_spread_over_the_whole_range() -> None:
    waits = []
    for seed in range(200):
        walker = plan(route("m", A))
        walker._ground = msgspec.structs.replace(walker._ground, random=seeded(seed))
        walker.first(NOW)
        step = walker.after(BUSY, NOW)
        assert isinstance(step, Try)
        waits.append(step.wait)
    assert min(waits) < 0.05
    assert 0.45 < max(waits) <= 0.5


@pytest.mark.parametrize("strategy", ["simple-shuffle", "least-busy", "latency-based-routing"])
def test_what_has_cooled_down_is_probed_by_the_next_call_and_only_by_one(strategy: str) -> None:
    """A strategy would not find out: by latency, a deployment that timed out is never best again."""
    main = route("m", *(deployment(name) for name in "abc"), strategy=strategy)
    health = opened(Health(cooldown_s=5.0), "c")
    for name in "ab":
        health.of(deployment(name)).succeeded(NOW, 0.1)
    later = NOW + 5.1
    first = plan(main, health=health).first(later)
    assert isinstance(first, Try)
    assert first.deployment.id == "c"
    health.of(first.deployment).begin(later)
    for _ in range(20):
        second = plan(main, health=health).first(later)
        assert isinstance(second, Try)
        assert second.deployment.id != "c"


def test_a_second_attempt_is_no_probe_while_there_is_another() -> None:
    main = route("m", *(deployment(name) for name in "abc"))
    health = opened(Health(cooldown_s=5.0), "c")
    for seed in range(20):
        walker = plan(main, health=health)
        walker._ground = msgspec.structs.replace(walker._ground, random=seeded(seed))
        first = walker.first(NOW)  # c still cools down
        second = walker.after(DOWN, NOW + 5.1)  # now it might be tried
        assert isinstance(first, Try)
        assert isinstance(second, Try)
        assert {first.deployment.id, second.deployment.id} == {"a", "b"}


def opened(health: Health, *names: str) -> Health:
    for name in names:
        for _ in range(3):
            health.failed(deployment(name), NOW, DOWN, alone=False)
    return health


@pytest.mark.parametrize(
    ("main", "down", "first"),
    [
        (route("m", A, B), (), "a"),
        (route("m", A, B), ("a",), "b"),
        (route("m", A, fallbacks=("spare",)), ("a",), "c (fallback)"),
        (route("m", A, B), ("a", "b"), "a"),  # never all open: the one that reopens first
        (route("m", A, fallbacks=("spare",)), ("a", "c"), "a"),
    ],
)
def test_first_choice_avoids_what_cools_down(
    main: Route, down: tuple[str, ...], first: str
) -> None:
    assert walk(plan(main, health=opened(Health(), *down)), []) == [first]


def test_retry_budget_bounds_the_load_on_a_failing_upstream() -> None:
    """With everything failing, 1000 calls cause at most 1.2 times as many upstream calls."""
    health, main, asked = Health(enabled=False), route("m", A), 0
    for n in range(1000):
        now = NOW + n * 0.01
        walker = plan(main, health=health)
        step = walker.first(now)
        while isinstance(step, Try):
            asked += 1
            health.of(step.deployment).begin(now, retry=step.retry)
            health.failed(step.deployment, now, BUSY, alone=True)
            health.of(step.deployment).release()
            step = walker.after(BUSY, now)
    assert asked <= 1200
    assert asked > 1000  # the control: there is a budget, and it is used


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


@pytest.mark.parametrize(
    ("fitness", "fallbacks", "faults", "steps"),
    [
        ({"admits": "b"}, (), [DOWN], ["b", "b+"]),
        ({"admits": ""}, (), [], ["give up: unfit"]),
        ({"admits": "c"}, ("spare",), [], ["give up: unfit"]),  # nobody's fault: no fallback
        ({"rooms": "b"}, (), [], ["b"]),
        ({"rooms": ""}, (), [], ["give up: full"]),
        ({"rooms": "c"}, ("spare",), [], ["c (fallback)"]),
        ({"likes": "b"}, (), [], ["b"]),
        ({"likes": "x"}, (), [], ["a"]),  # a preference narrows, never to nothing
    ],
)
def test_only_what_fits_is_asked(
    fitness: dict[str, str],
    fallbacks: tuple[str, ...],
    faults: list[UpstreamError],
    steps: list[str],
) -> None:
    main = route("m", A, deployment("b", order=0 if "likes" in fitness else 1), fallbacks=fallbacks)
    fit = Fussy(**fitness)
    walker = plan(main, fit=lambda _: fit)
    got = walk(walker, faults)
    if fitness.get("likes") == "x":
        assert got[0] in {"a", "b"}
    else:
        assert got == steps


def test_an_overloaded_route_is_asked_where_there_is_room_even_if_it_cools_down() -> None:
    main = route("m", A, deployment("b"))
    health = opened(Health(), "a", "b")
    walker = plan(main, health=health, fit=lambda _: Fussy(rooms="b"))
    assert walk(walker, []) == ["b"]


@pytest.mark.parametrize(
    ("main", "attempts", "expected"),
    [
        (route("m", A, B), 1, True),
        (route("m", A), 1, False),
        (route("m", A, fallbacks=("spare",)), 1, True),
        (route("m", A, fallbacks=("nowhere",)), 1, False),
        (route("m", A, B), 3, False),
        (route("m", A, B, retries={"Timeout": 0}), 1, False),
    ],
)
def test_a_call_moves_on_only_when_somebody_else_could_be_asked(
    main: Route, attempts: int, expected: bool
) -> None:
    walker = plan(main)
    walker.first(NOW)
    for _ in range(attempts - 1):
        walker.after(BUSY, NOW)
    assert walker.has_elsewhere(NOW) is expected


def test_the_cost_of_a_choice_does_not_grow_with_what_else_is_configured() -> None:
    """Counts what is looked at: five deployments of one group, or of one among two hundred."""

    class Counting(Health):
        looks = 0

        def sort_out(
            self, deployments: Sequence[Deployment], now: float
        ) -> tuple[list[Deployment], list[Deployment]]:
            Counting.looks += len(deployments)
            return super().sort_out(deployments, now)

    def looks(groups: int) -> int:
        health = Counting()
        routes = {
            f"g{n}": route(f"g{n}", *(deployment(f"{n}-{k}") for k in range(5)))
            for n in range(groups)
        }
        for each in routes.values():
            for one in each.deployments:
                health.of(one)
        Counting.looks = 0
        plan(routes["g0"], health=health, find=routes.get).first(NOW)
        return Counting.looks

    assert looks(1) == looks(200) == 5
