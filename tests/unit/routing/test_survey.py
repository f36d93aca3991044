"""Why deployments would be asked or not, in the words of the rules themselves."""

from typing import Any

import msgspec
from tests.support.clock import seeded
from tests.support.deployments import deployment, route

from hx_gateway.core.call import Call, Operation
from hx_gateway.core.errors import Overloaded
from hx_gateway.core.snapshot import RoutingSettings
from hx_gateway.pipeline.planner import ground_of
from hx_gateway.routing.fitness import FitRules
from hx_gateway.routing.health import Health
from hx_gateway.routing.meter import Meter
from hx_gateway.routing.plan import Errand, Plan
from hx_gateway.routing.survey import survey, walk
from hx_gateway.routing.tags import TagRules

A, B = deployment("a", order=1), deployment("b")


def ground(health: Health | None = None) -> Any:
    return ground_of(RoutingSettings(), health or Health(), seeded(), Meter())


def call(**fields: Any) -> Call:
    return Call(
        id="c", operation=Operation.CHAT, dialect="openai_chat", model="m", fields={}, **fields
    )


def test_all_is_well_by_tier() -> None:
    seen = survey(route("m", A, B), ground(), None, 1.0)
    assert [(each.deployment.id, each.is_usable, each.reason) for each in seen] == [
        ("b", True, "usable"),
        ("a", True, "usable"),
    ]


def test_a_cooling_deployment_says_for_how_long() -> None:
    health = Health(cooldown_s=5.0)
    for _ in range(3):
        health.failed(A, 10.0, Overloaded("busy"), alone=False)
    (one,) = survey(route("m", A), ground(health), None, 12.0)
    assert (one.is_usable, one.reason) == (False, "cools down for 3.0 s more")
    (one,) = survey(route("m", A), ground(health), None, 16.0)
    assert (one.is_usable, one.reason) == (True, "has cooled down; the next call probes it")


def test_a_rule_speaks_for_itself() -> None:
    wide, narrow = deployment("w", max_input_tokens=10**6), deployment("n", max_input_tokens=1)
    rules = FitRules(by_window=True)
    fields = {"messages": msgspec.Raw(b'"' + b"long words " * 99 + b'"')}
    asked = Call(id="c", operation=Operation.CHAT, dialect="openai_chat", model="m", fields=fields)
    seen = survey(route("m", wide, narrow), ground(), rules.for_call(asked, {}), 1.0)
    assert [each.is_usable for each in seen] == [True, False]
    assert "context window" in seen[1].reason


def test_tags_leave_others_out() -> None:
    red, blue = deployment("r", tags=("red",)), deployment("b", tags=("blue",))
    fitness = FitRules(by_tags=TagRules()).for_call(call(tags=("red",)), {})
    seen = survey(route("m", red, blue), ground(), fitness, 1.0)
    assert [each.is_usable for each in seen] == [True, False]
    assert "tags" in seen[1].reason


def test_the_walk_is_the_plans_own() -> None:
    plan = Plan(route("m", A, B), ground(), Errand(find=lambda _name: None))
    assert [step.deployment.id for step in walk(plan, 1.0)][:2] == ["b", "a"]
