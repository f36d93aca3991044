"""The walk of a call over deployments, retries and fallbacks."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw
from tests.support.clock import seeded
from tests.support.deployments import deployment, route
from tests.support.plans import (
    BAD,
    BUSY,
    DOWN,
    KEY,
    LIMITED,
    LONG,
    NOW,
    OTHER,
    PEER,
    RUDE,
    SLOW,
    SPARE,
    A,
    B,
    C,
    opened,
    plan,
    to,
    walk,
)

from hx_gateway.core.call import Detour, Wishes
from hx_gateway.core.errors import (
    NotItsOwn,
    Overloaded,
    Stalled,
    UpstreamError,
)
from hx_gateway.core.route import Route
from hx_gateway.routing.health import Health
from hx_gateway.routing.plan import GiveUp, Plan, Try

THIRD = deployment("a3")
FOREIGN = NotItsOwn("foreign", upstream_status=400)
LATER = Overloaded("later", retry_after_s=20.0)
END, SLOWLY = "give up: down", "give up: slow"


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
        # The last attempt: a later tier, where the first has failed; another route before that.
        (route("m", A, PEER, THIRD, B), [KEY, KEY], ["a*", "a*", "b"]),
        (route("m", A, PEER, B, fallbacks=("spare",)), [KEY, KEY], ["a*", "a*", "c (fallback)"]),
        (route("m", A, B, fallbacks=("spare",)), [KEY, KEY], ["a", "b", "c (fallback)"]),
        (route("m", A, fallbacks=("spare", "other")), [DOWN] * 3, ["a", "a+", "c (fallback)", END]),
        # Nothing is kept for who cannot be asked.
        (route("m", A, fallbacks=("nowhere",)), [BUSY, BUSY], ["a", "a+", "a+"]),
        # A fallback has fallbacks of its own; they come first, and nobody twice.
        (route("m", A, fallbacks=("chain",)), [SLOW, SLOW], ["a", "e (fallback)", "c (fallback)"]),
        (route("spare", C, fallbacks=("chain",)), [SLOW, SLOW], ["c", "e (fallback)", SLOWLY]),
        # Who says "later" is asked later, unless there is somebody now.
        (route("m", A, fallbacks=("spare",)), [LATER], ["a", "c (fallback)"]),
        (route("m", A, fallbacks=("spare",)), [LIMITED], ["a", "c (fallback)"]),
        (route("m", A), [LATER], ["a", "a+"]),
        # What another account encrypted is for its deployment to read, and for no other model.
        (route("m", A, PEER, THIRD), [FOREIGN] * 3, ["a*", "a*", "a*", "give up: foreign"]),
        (route("m", A, fallbacks=("spare",)), [FOREIGN], ["a", "give up: foreign"]),
    ],
)
def test_plan_walks(main: Route, faults: list[UpstreamError], steps: list[str]) -> None:
    walked = walk(plan(main), faults)
    assert [
        each if of == each else alike(each) for each, of in zip(walked, steps, strict=True)
    ] == (steps)


def alike(step: str) -> str:
    """Of those of one tier, chance asks any."""
    return "a*" if step in {"a", "a2", "a3"} else step


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


def test_the_same_model_may_be_asked_once_more_with_other_fields() -> None:
    """A shorter prompt for a model whose window was too small; it used to be passed over."""
    shorter = Detour(model="m", fields={"model": Raw(b'"m"'), "messages": Raw(b"[]")})
    wishes = Wishes(fallbacks=(*to("m"), shorter, shorter))
    steps = walk(plan(route("m", A), wishes=wishes), [LONG, LONG])
    assert steps == ["a", "a (fallback)", "give up: long"]


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


class World:
    """Deployments that answer or fail as fate has it, and what the gateway has learned of them."""

    def __init__(self, fates: Mapping[str, UpstreamError | None], down: Iterable[str]) -> None:
        self.health = opened(Health(), *down)
        self.down = set(down)
        self.fates = fates
        self.asked: list[Try] = []

    def run(self, plan: Plan) -> bool:
        """Walk a plan to its end; says whether the call was answered."""
        step = plan.first(NOW)
        while isinstance(step, Try):
            self.asked.append(step)
            vitals, fault = self.health.of(step.deployment), self.fates[step.deployment.id]
            vitals.begin(NOW, retry=step.retry or step.fallback)
            if fault is None:
                return True
            vitals.release()
            self.health.failed(step.deployment, NOW, fault, alone=step.route.is_alone)
            step = plan.after(fault, NOW)
        return False


FATES = st.sampled_from([None, DOWN, BUSY, SLOW, KEY, LIMITED, LATER, Stalled("silent")])
CALLS = st.fixed_dictionaries(
    {
        "orders": st.lists(st.integers(0, 2), min_size=1, max_size=4),
        "fates": st.lists(FATES, min_size=7, max_size=7),
        "down": st.sets(st.sampled_from(["m0", "m1", "m2", "x", "y", "z"])),
        "fallbacks": st.sampled_from([(), ("x",), ("x", "z"), ("nowhere", "x")]),
        "retries": st.none() | st.integers(0, 5),
        "use_fallbacks": st.booleans(),
    }
)


def lived(call: dict[str, Any], **changes: Any) -> tuple[World, bool, Plan]:
    """Make the routes of a drawn call (`x` falls back to `y`), and walk it through."""
    call = {**call, **changes}
    members = [deployment(f"m{n}", order=order) for n, order in enumerate(call["orders"])]
    main = route("m", *members, fallbacks=call["fallbacks"])
    routes = {name: route(name, deployment(name)) for name in "yz"}
    routes["x"] = route("x", deployment("x"), fallbacks=("y",))
    fates = dict(zip(["m0", "m1", "m2", "m3", "x", "y", "z"], call["fates"], strict=True))
    world = World({**fates, **call.get("fixed", {})}, call["down"])
    wishes = Wishes(retries=call["retries"], use_fallbacks=call["use_fallbacks"])
    walker = plan(main, health=world.health, find=routes.get, wishes=wishes)
    return world, world.run(walker), walker


@given(CALLS)
def test_no_call_is_tried_more_than_three_times_or_ends_while_it_is_answered(
    call: dict[str, Any],
) -> None:
    world, answered, _ = lived(call)
    assert 1 <= len(world.asked) <= 3
    assert answered is (world.fates[world.asked[-1].deployment.id] is None)


@given(CALLS, st.sampled_from(["fallback", "order"]))
def test_a_call_is_answered_when_the_one_place_further_on_would_answer(
    call: dict[str, Any], place: str
) -> None:
    """However many are dead before it, whatever they say, and if nothing is retried."""
    if place == "fallback":
        changes: dict[str, Any] = {"fallbacks": ("x",), "fixed": {"x": None}, "down": set()}
    else:
        orders = [*[0] * (len(call["orders"]) - 1), 5]
        last = f"m{len(orders) - 1}"
        changes = {"orders": orders, "fallbacks": (), "fixed": {last: None}, "down": set()}
    world, answered, _ = lived(call, **changes, use_fallbacks=True)
    assert answered, [step.deployment.id for step in world.asked]


@given(CALLS, st.integers(0, 2))
def test_whoever_is_told_that_there_is_somewhere_else_gets_there(
    call: dict[str, Any], faults: int
) -> None:
    """A hang is only a suspicion: a call is moved on to somebody else, and never to an error."""
    world, _, _ = lived(call, fates=[None] * 7)  # only to make the routes and what is known
    main, routes = world.asked[0].route, {"x": route("x", deployment("x"), fallbacks=("y",))}
    if main.name != "m":
        return
    wishes = Wishes(retries=call["retries"], use_fallbacks=call["use_fallbacks"])
    walker = plan(main, health=world.health, find=routes.get, wishes=wishes)
    step = walker.first(NOW)
    for _ in range(faults):
        step = walker.after(DOWN, NOW) if isinstance(step, Try) else step
    if isinstance(step, GiveUp):
        return
    asked = step.deployment
    promised = walker.has_elsewhere(NOW)
    assert walker.has_elsewhere(NOW) is promised  # to look changes nothing
    following = walker.after(Stalled("silent"), NOW)
    moved = isinstance(following, Try) and following.deployment.id != asked.id
    assert moved is promised


@pytest.mark.parametrize(
    ("main", "attempts", "expected"),
    [
        (route("m", A, B), 1, True),
        (route("m", A), 1, False),
        (route("m", A, fallbacks=("spare",)), 1, True),
        (route("m", A, fallbacks=("nowhere",)), 1, False),
        (route("m", A, B), 3, False),
        (route("m", A, PEER, retries={"Timeout": 0}), 1, False),
        (route("m", A, B, retries={"Timeout": 0}), 1, True),  # a later tier needs no retry
        (route("m", A, PEER, fallbacks=("nowhere",), retries={"Timeout": 0}), 1, False),
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
