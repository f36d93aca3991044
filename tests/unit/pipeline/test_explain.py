"""What is said of a call before it is made."""

from pathlib import Path
from typing import Any

import pytest
from tests.support.clock import FakeClock, seeded
from tests.support.deployments import route
from tests.support.pipelines import CALLER, chat_deployment

from hx_gateway.adapter import Bearer
from hx_gateway.core import wire
from hx_gateway.core.call import Call, Operation
from hx_gateway.core.principal import Principal, Scope
from hx_gateway.core.provider import Provider
from hx_gateway.core.route import Route
from hx_gateway.core.secret import Secret
from hx_gateway.core.snapshot import RoutingSettings, Snapshot
from hx_gateway.core.usage import Price
from hx_gateway.dialects import openai_chat
from hx_gateway.pipeline.explain import Explainer, Explanation, estimate
from hx_gateway.pipeline.planner import Planner, fit_rules, ground_of
from hx_gateway.routing.health import Health
from hx_gateway.routing.meter import Meter
from hx_gateway.routing.table import Table

VENDOR = Provider(
    name="vendor",
    base_url=None,
    auth=Bearer(),
    speaks={Operation.CHAT: (openai_chat.WAY_OUT,)},
)
SECRETS = ("sk-the-credential", "configured-header-value")


def deployment(name: str, **fields: Any) -> Any:
    return chat_deployment(
        name,
        provider=VENDOR,
        credential=Secret(SECRETS[0]),
        headers=((b"x-team", SECRETS[1].encode()),),
        **fields,
    )


def explained(
    body: dict[str, object],
    *routes: Route,
    caller: Principal = CALLER,
    operation: Operation = Operation.CHAT,
    **more: Any,
) -> Explanation:
    table = Table(
        Snapshot(
            state_dir=Path("unused"),
            routes={each.name: each for each in routes if "*" not in each.name},
            wildcards=tuple(each for each in routes if "*" in each.name),
            aliases={"short": "m"},
        )
    )
    ground = ground_of(RoutingSettings(), Health(), seeded(), Meter())
    planner = Planner(table, ground, fit_rules(table.routes(), RoutingSettings(), ground))
    clock = FakeClock()
    call = Call(
        id="c",
        operation=operation,
        dialect="openai_chat",
        model=str(body.get("model", "m")),
        fields=wire.decode_fields(wire.encode(body)),
        started_at=clock.monotonic(),
    )
    return Explainer(table, planner, clock).explain(call, caller, **more)


ASK: dict[str, object] = {
    "model": "m",
    "messages": [{"role": "user", "content": "hello " * 40}],
    "max_tokens": 100,
}


def test_the_request_is_as_it_would_be_sent_but_for_its_secrets() -> None:
    told = explained(ASK, route("m", deployment("a", base_path="/v1")))
    assert told.request is not None
    assert (told.request.method, told.request.path) == ("POST", "/v1/chat/completions")
    assert told.request.body == {**ASK, "model": "model-a"}
    assert told.request.headers["authorization"] == "***"
    assert told.request.address is None
    assert not any(secret in wire.encode(told).decode() for secret in SECRETS)


def test_an_administrator_sees_the_address() -> None:
    told = explained(ASK, route("m", deployment("a")), shows_address=True)
    assert told.request is not None
    assert told.request.address == "http://a"
    assert not any(secret in wire.encode(told).decode() for secret in SECRETS)


def test_what_the_configuration_fills_in_is_the_operators_own() -> None:
    filled = deployment("a", defaults={"user": wire.raw("internal-name")})
    hidden, shown = (
        explained(ASK, route("m", filled)),
        explained(ASK, route("m", filled), shows_address=True),
    )
    assert hidden.request is not None
    assert shown.request is not None
    assert hidden.request.body["user"] == "***"
    assert shown.request.body["user"] == "internal-name"


def test_tokens_and_cost_are_a_range() -> None:
    priced = deployment("a", price=Price(input=1_000_000, output=2_000_000))
    told = explained(ASK, route("m", priced))
    assert told.estimate is not None
    assert told.estimate.most_output_tokens == 100
    assert 50 < told.estimate.input_tokens < 90
    assert told.estimate.least_usd is not None
    assert told.estimate.most_usd is not None
    assert float(told.estimate.least_usd) < float(told.estimate.most_usd)


def test_who_is_asked_next_is_told() -> None:
    spare = route("spare", deployment("c"))
    told = explained(ASK, route("m", deployment("a"), fallbacks=("spare",)), spare)
    assert [(step.deployment, step.fallback) for step in told.attempts][-1] == ("c", True)
    assert told.route is not None
    assert told.route.fallbacks == ("spare",)


def test_how_the_route_was_found_is_told() -> None:
    main, any_ = route("m", deployment("a")), route("x/*", deployment("b"))
    found = {
        model: explained({**ASK, "model": model}, main, any_).route
        for model in ("m", "short", "x/y")
    }
    assert {model: route and route.found_by for model, route in found.items()} == {
        "m": "name",
        "short": "alias",
        "x/y": "pattern",
    }


def test_a_key_that_may_not_is_told_so_and_no_more() -> None:
    bound = Principal(key_id="k" * 64, scopes=frozenset({Scope.INFERENCE}), models=("other",))
    told = explained(ASK, route("m", deployment("a")), caller=bound)
    assert (told.key.allowed, told.key.code) == (False, "key_model_access_denied")
    assert told.problem is not None
    assert told.problem.status == 403
    assert (told.route, told.candidates, told.request) == (None, (), None)


def test_an_unknown_model_is_no_matter_of_the_key() -> None:
    told = explained({**ASK, "model": "nowhere"}, route("m", deployment("a")))
    assert told.key.allowed
    assert told.problem is not None
    assert told.problem.status == 404


def test_an_operation_nobody_offers_is_a_problem_after_the_candidates() -> None:
    told = explained(ASK, route("m", deployment("a")), operation=Operation.EMBED)
    assert told.problem is not None
    assert told.problem.code == "unsupported_operation"
    assert len(told.candidates) == 1
    assert told.request is None


@pytest.mark.parametrize(
    ("operation", "body", "usd"),
    [
        (Operation.RERANK, {"query": "q", "documents": ["a", "b"]}, "0.002"),
        (Operation.IMAGE, {"prompt": "a whale", "n": 3}, "0.12"),
        (Operation.IMAGE, {"prompt": "a whale"}, "0.04"),
    ],
)
def test_what_is_no_text_is_priced_in_its_own_unit(
    operation: Operation, body: dict[str, object], usd: str
) -> None:
    nanos = 10**9 * 10**6
    priced = chat_deployment(
        "a", price=Price(search=2 * nanos // 1000, image=4 * nanos // 100), max_output_tokens=9
    )
    call = Call(
        id="c", operation=operation, dialect="x", model="m",
        fields=wire.decode_fields(wire.encode(body)),
    )  # fmt: skip
    told = estimate(call, priced)
    assert (told.least_usd, told.most_usd, told.most_output_tokens) == (usd, usd, 0)
