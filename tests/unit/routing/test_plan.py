"""The walk of a call over deployments, retries and fallbacks."""

from collections.abc import Callable

import pytest
from tests.support.clock import seeded
from tests.support.deployments import deployment, route

from hx_gateway.core.errors import (
    ContentRefused,
    ContextWindowExceeded,
    CredentialRefused,
    Overloaded,
    Rejected,
    TimedOut,
    Unreachable,
    UpstreamError,
)
from hx_gateway.core.route import Route
from hx_gateway.routing.health import Health
from hx_gateway.routing.plan import GiveUp, Plan, RetryPolicy, Step, Try

A, B, C = deployment("a"), deployment("b", order=1), deployment("c")
BUSY, DOWN, SLOW = Overloaded("busy"), Unreachable("down"), TimedOut("slow")
BAD, LONG, RUDE = Rejected("bad"), ContextWindowExceeded("long"), ContentRefused("rude")
KEY = CredentialRefused("key")
SPARE = route("spare", C)
NOW = 100.0


def plan(main: Route, *, policy: RetryPolicy | None = None, health: Health | None = None) -> Plan:
    routes = {main.name: main, "spare": SPARE}
    return Plan(
        main,
        find=routes.get,
        health=health or Health(),
        random=seeded(),
        policy=policy or RetryPolicy(),
    )


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
        (route("m", A, B, fallbacks=("spare",)), [LONG], ["a", "give up: long"]),
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


def test_fallbacks_can_be_switched_off() -> None:
    main = route("m", A, fallbacks=("spare",))
    policy = RetryPolicy(use_fallbacks=False)
    assert walk(plan(main, policy=policy), [SLOW]) == ["a", "give up: slow"]


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


@pytest.mark.parametrize("fault", [BUSY, DOWN])
def test_what_does_not_fit_is_left_out(fault: UpstreamError) -> None:
    fits: Callable[[object], bool] = lambda each: each is not A  # noqa: E731
    walker = Plan(
        route("m", A, B),
        find=dict[str, Route]().get,
        health=Health(),
        random=seeded(),
        policy=RetryPolicy(retries=0),
        fits=fits,
    )
    assert walk(walker, [fault]) == ["b", f"give up: {fault.message}"]
