"""From routes and settings to plans: who gets one, with which rules."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.support.calls import ask
from tests.support.clock import seeded
from tests.support.deployments import deployment, route
from tests.support.pipelines import CALLER, Rig, chat_deployment, whole
from tests.support.sender import Answer, ScriptedSender

from hx_gateway.core.budget import DEPLOYMENT, PROVIDER, TAG, Budget
from hx_gateway.core.call import Detour, Hints, Wishes
from hx_gateway.core.errors import (
    ContextWindowExceeded,
    Forbidden,
    Overloaded,
    TimedOut,
    Unfit,
    UpstreamError,
)
from hx_gateway.core.route import Route
from hx_gateway.core.snapshot import RoutingSettings, Snapshot
from hx_gateway.pipeline.planner import (
    Planner,
    affinities_of,
    counts_use,
    fit_rules,
    ground_of,
    looking,
)
from hx_gateway.routing.fitness import FitRules
from hx_gateway.routing.health import Health
from hx_gateway.routing.meter import Meter
from hx_gateway.routing.pins import Pins
from hx_gateway.routing.plan import Try
from hx_gateway.routing.purse import Purses
from hx_gateway.routing.table import Table

A, B = chat_deployment("a"), chat_deployment("b")
GOOD = Answer(200, whole("x"))


def rules(made: Route, **settings: Any) -> FitRules | None:
    chosen = RoutingSettings(**settings)
    return fit_rules([made], chosen, ground_of(chosen, Health(), seeded(), Meter())).get(made.name)


def test_an_ordinary_route_has_no_rules() -> None:
    limited = deployment("a", rpm=5, tags=("x",))
    assert rules(route("m", limited, deployment("b"))) is None  # rpm is a weight, tags are names


@pytest.mark.parametrize(
    ("fields", "settings"),
    [
        ({"max_parallel": 1}, {}),
        ({"rpm": 1}, {"optional_pre_call_checks": ("enforce_model_rate_limits",)}),
        ({"tags": ("x",)}, {"tag_filtering": True}),
        ({}, {"pre_call_checks": True}),
    ],
)
def test_what_gives_a_route_rules(fields: dict[str, Any], settings: dict[str, Any]) -> None:
    assert rules(route("m", deployment("a", **fields)), **settings) is not None


def test_who_is_alone_needs_a_plan_only_where_there_is_a_fallback() -> None:
    """Without one nobody would see that a call waits in vain, and could be answered elsewhere."""
    made = [route("lone", A), route("m", A, fallbacks=("lone",))]
    table = Table(Snapshot(state_dir=Path("unused"), routes={each.name: each for each in made}))
    planner = Planner(table, ground_of(RoutingSettings(), Health(), seeded(), Meter()), {})
    plans = [planner.begin(each, ask(), CALLER, 0.0)[0] for each in made]
    assert [plan is None for plan in plans] == [True, False]


@pytest.mark.parametrize(
    ("kind", "name", "has_rules"),
    [
        (PROVIDER, "vendor", True),
        (PROVIDER, "other", False),
        (DEPLOYMENT, "a", True),
        (DEPLOYMENT, "b", False),
        (TAG, "t", True),
    ],
)
def test_only_routes_that_a_budget_bounds_have_its_rule(
    kind: str, name: str, has_rules: bool
) -> None:
    purses, settings = Purses(), RoutingSettings()
    purses.watch([Budget(kind=kind, name=name, limit=1, period="1d")])
    ground = ground_of(settings, Health(), seeded(), Meter(), purses)
    found = fit_rules([route("m", A)], settings, ground)
    assert bool(found) is has_rules
    assert not has_rules or found["m"].reads_tags is (kind == TAG)


@pytest.mark.parametrize(
    ("strategy", "names", "counted"),
    [
        ("simple-shuffle", (), False),
        ("usage-based-routing", (), True),
        ("usage-based-routing-v2", (), True),
        ("least-busy", ("enforce_model_rate_limits",), True),
    ],
)
def test_use_is_counted_only_where_it_decides(
    strategy: str, names: tuple[str, ...], counted: bool
) -> None:
    settings = RoutingSettings(optional_pre_call_checks=names)
    assert counts_use(route("m", A, strategy=strategy), settings) is counted


def test_tags_are_asked_for_only_where_some_deployment_has_any() -> None:
    """Tags are also how costs are booked; a route without any takes every call."""
    assert rules(route("m", A, B), tag_filtering=True) is None


async def test_a_call_goes_where_its_tags_say() -> None:
    free = chat_deployment("free", tags=("free",))
    paid = chat_deployment("paid", tags=("paid",))
    rig = Rig(
        ScriptedSender(free=[GOOD], paid=[GOOD] * 5), route("m", free, paid), tag_filtering=True
    )
    for _ in range(5):
        await rig.ask(tags=("paid",))
    assert rig.sender.hosts == ["paid"] * 5
    with pytest.raises(Unfit):
        await rig.ask(tags=("unknown",))


async def test_a_long_prompt_falls_back_to_a_larger_window_without_being_sent() -> None:
    small = chat_deployment("small", max_input_tokens=2)
    rig = Rig(
        ScriptedSender(b=[GOOD]),
        route("m", small, context_window_fallbacks=("large",)),
        route("large", B),
        route("alone", small),
        pre_call_checks=True,
    )
    reply = await rig.ask()
    assert b"x-litellm-model-group: large\r\n" in reply.lines
    with pytest.raises(ContextWindowExceeded):
        await rig.ask("alone")
    assert rig.sender.hosts == ["b"]


async def test_a_caller_falls_back_only_to_models_of_its_key() -> None:
    spare = route("spare", B)
    main = route("m", A, fallbacks=("spare",))
    caller = msgspec.structs.replace(CALLER, models=("m",))
    rig = Rig(ScriptedSender(a=[TimedOut("slow")], b=[GOOD]), main, spare)
    with pytest.raises(TimedOut):
        await rig.ask(caller=caller)
    wishes = Wishes(fallbacks=(Detour(model="spare"),))
    rig = Rig(ScriptedSender(a=[TimedOut("slow")], b=[GOOD]), main, spare)
    with pytest.raises(TimedOut):
        await rig.ask(caller=caller, wishes=wishes)
    rig = Rig(ScriptedSender(a=[TimedOut("slow")], b=[GOOD]), main, spare)
    await rig.ask()  # the control
    assert rig.sender.hosts == ["a", "b"]


async def test_a_fallback_with_changed_fields_sends_them_and_leaves_the_call_alone() -> None:
    fields = {"model": msgspec.Raw(b'"spare"'), "temperature": msgspec.Raw(b"0")}
    wishes = Wishes(fallbacks=(Detour(model="spare", fields=fields),))
    rig = Rig(ScriptedSender(a=[TimedOut("slow")], b=[GOOD]), route("m", A), route("spare", B))
    await rig.ask(wishes=wishes)
    first, second = (msgspec.json.decode(sent.body) for _, sent in rig.sender.sent)
    assert "temperature" not in first
    assert second["temperature"] == 0


async def test_the_callers_time_bounds_every_attempt() -> None:
    """One absolute deadline: each attempt gets what is left of it."""
    rig = Rig(ScriptedSender(a=[Overloaded("busy", retry_after_s=2.0), GOOD]), route("m", A))
    await rig.ask(wishes=Wishes(timeout_s=5.0))
    first, second = rig.sender.deadlines
    assert (first.connect, first.first_byte, first.total) == (5.0, 5.0, 5.0)
    assert second.connect == second.first_byte == second.total
    assert 2.5 < second.connect <= 3.0


async def test_a_stream_may_last_longer_than_its_caller_waits_for_the_first_event() -> None:
    pieces = (b'data: {"id":"1","choices":[]}\n\n', b"data: [DONE]\n\n")
    rig = Rig(ScriptedSender(a=[Answer(200, *pieces)]), route("m", A))
    await rig.ask(stream=True, wishes=Wishes(timeout_s=9.0, stream_timeout_s=1.0))
    assert (rig.sender.deadlines[0].first_byte, rig.sender.deadlines[0].total) == (1.0, 6000.0)


async def test_without_a_wish_a_second_attempt_gets_what_is_left_of_the_total() -> None:
    rig = Rig(ScriptedSender(a=[Overloaded("busy", retry_after_s=2.0), GOOD]), route("m", A))
    await rig.ask()
    first, second = rig.sender.deadlines
    assert first is A.deadlines  # nothing is made for an ordinary attempt
    assert second.total is not None
    assert 5997 < second.total <= 5998


@pytest.mark.parametrize(
    ("error", "settings", "status"),
    [
        (TimedOut("slow"), {}, 504),
        (TimedOut("slow"), {"timeout_status": 408}, 408),
    ],
)
async def test_the_status_of_a_time_out_is_a_setting(
    error: UpstreamError, settings: dict[str, Any], status: int
) -> None:
    rig = Rig(ScriptedSender(a=[error]), route("m", A), **settings)
    with pytest.raises(TimedOut) as caught:
        await rig.ask()
    assert caught.value.http_status == rig.receipts.only.status == status


@pytest.mark.parametrize(("settings", "status"), [({}, 403), ({"model_denied_status": 401}, 401)])
async def test_the_status_of_a_refused_model_is_a_setting(
    settings: dict[str, Any], status: int
) -> None:
    rig = Rig(ScriptedSender(), route("m", A), **settings)
    with pytest.raises(Forbidden) as caught:
        await rig.ask(caller=msgspec.structs.replace(CALLER, models=("other",)))
    assert caught.value.http_status == status


@pytest.mark.parametrize(
    ("of_model", "everywhere", "chooses"),
    [(None, False, False), (None, True, True), (True, False, True), (False, True, False)],
)
def test_a_model_says_for_itself_whether_tags_choose(
    of_model: bool | None, everywhere: bool, chooses: bool
) -> None:
    plain, tagged = deployment("a"), deployment("b", tags=("x",), tag_filtering=of_model)
    found = rules(route("m", plain, tagged), tag_filtering=everywhere)
    assert (found is not None and found.by_tags is not None) is chooses


def test_a_pattern_alone_makes_tags_choose() -> None:
    found = rules(route("m", deployment("a", tag_regex=("curl",))), tag_filtering=True)
    assert found is not None
    assert found.by_tags is not None
    assert list(found.by_tags.patterns) == ["a"]


@pytest.mark.parametrize(
    ("own", "checks", "expected"),
    [
        (None, (), set()),
        (None, ("session_affinity", "enforce_model_rate_limits"), {"session_affinity"}),
        (("deployment_affinity",), ("session_affinity",), {"deployment_affinity"}),
        ((), ("session_affinity", "prompt_caching"), {"prompt_caching"}),
    ],
)
def test_a_route_keeps_its_own_affinities_else_those_of_all(
    own: tuple[str, ...] | None, checks: tuple[str, ...], expected: set[str]
) -> None:
    settings = RoutingSettings(optional_pre_call_checks=checks)
    assert affinities_of(route("m", A, B, affinities=own), settings) == expected
    assert affinities_of(route("m", A, affinities=own), settings) == set()  # nothing to choose


async def test_calls_of_a_session_go_to_one_deployment_and_an_explanation_changes_nothing() -> None:
    settings = RoutingSettings(optional_pre_call_checks=("session_affinity",))
    ground = ground_of(settings, Health(), seeded(), Meter(), pins=Pins())
    made = fit_rules([route("m", A, B)], settings, ground)
    table = Rig(ScriptedSender(), route("m", A, B)).pipeline.table
    looking_on, planner = Planner(table, ground, looking(made)), Planner(table, ground, made)

    def first(each: Planner, session: str) -> str:
        call = msgspec.structs.replace(ask(), hints=Hints(session=session))
        step = each.plan(table.find("m"), call, CALLER).first(1.0)
        assert isinstance(step, Try)
        return step.deployment.id

    assert len({first(looking_on, "s") for _ in range(50)}) == 2
    assert len({first(planner, "s") for _ in range(50)}) == 1
    assert len({first(planner, f"s{n}") for n in range(50)}) == 2


def stepped(main: Route, faults: list[UpstreamError], wishes: Wishes | None, retries: int) -> str:
    """Name whom a call asks, one after another, as each of them fails; `.` is the end."""
    spare = route("spare", chat_deployment("c"))
    rig = Rig(ScriptedSender(), main, spare, num_retries=retries)
    planner = Planner(rig.pipeline.table, rig.ground, {})
    plan = planner.plan(main, msgspec.structs.replace(ask(), wishes=wishes), CALLER)
    steps = [plan.first(1.0), *(plan.after(fault, 1.0) for fault in faults)]
    return "".join(step.deployment.id if isinstance(step, Try) else "." for step in steps)


DOWN, MISTAKE = Overloaded("down"), ContextWindowExceeded("long")
NEXT, LAST = chat_deployment("n", order=1), chat_deployment("l", order=2)
NO_FALLBACK = Wishes(use_fallbacks=False)


@pytest.mark.parametrize(
    ("main", "faults", "wishes", "asked"),
    [
        (route("m", A, NEXT), [DOWN, DOWN], None, "an."),
        (route("m", A, NEXT, LAST), [TimedOut("slow"), DOWN, DOWN], None, "anl."),
        (route("m", A, NEXT, fallbacks=("spare",)), [DOWN, DOWN], None, "anc"),
        (route("m", A, NEXT), [MISTAKE], None, "a."),
        (route("m", A, NEXT), [DOWN], NO_FALLBACK, "a."),
        (route("m", A), [DOWN], None, "a."),
    ],
)
def test_the_next_order_is_asked_even_where_nothing_is_tried_again(
    main: Route, faults: list[UpstreamError], wishes: Wishes | None, asked: str
) -> None:
    """With `num_retries: 0` a second `order` was never asked; to LiteLLM it is a fallback."""
    assert stepped(main, faults, wishes, 0) == asked


def test_the_next_order_leaves_an_attempt_for_the_fallback_route() -> None:
    found = stepped(route("m", A, B, NEXT, fallbacks=("spare",)), [DOWN, DOWN], None, 2)
    assert (sorted(found[:2]), found[2]) == (["a", "b"], "c")
