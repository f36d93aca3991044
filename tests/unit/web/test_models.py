"""What is shown of models: enough to choose, nothing to steal."""

from typing import Any

import msgspec
import pytest
from msgspec import Raw
from tests.support.deployments import route
from tests.support.pipelines import CALLER, Rig, chat_deployment, whole
from tests.support.sender import Answer, ScriptedSender

from hx_gateway.core.errors import Forbidden, NotFound, UnknownModel, Unreachable, UpstreamError
from hx_gateway.core.http import Request
from hx_gateway.core.principal import Principal, Scope
from hx_gateway.core.secret import Secret
from hx_gateway.core.usage import Price
from hx_gateway.web.application import decode_query
from hx_gateway.web.endpoint import Visit
from hx_gateway.web.models import endpoints

A = chat_deployment(
    "node-a.internal",
    credential=Secret("sk-canary-0123456789"),
    price=Price(input=2_500_000_000, output=10_000_000_000),
    max_input_tokens=1000,
    mode="chat",
)
B = chat_deployment("node-b.internal", max_input_tokens=4000)


def rig() -> Rig:
    return Rig(ScriptedSender(), route("m", A, B), route("other", B))


def visit_of(path: str, query: str, caller: Principal) -> Visit:
    return Visit("v", Request("GET", path, query, {}), caller)


async def ask(rig: Rig, path: str, models: tuple[str, ...] = (), query: str = "") -> Any:
    endpoint = next(each for each in endpoints(rig.pipeline) if each.path == path)
    visit = visit_of(path, query, msgspec.structs.replace(CALLER, models=models))
    visit.query = decode_query(query, endpoint.query)
    body = (await endpoint.handler(visit)).body
    assert b"canary" not in body
    return msgspec.json.decode(body)


async def test_deployments_are_listed_with_prices_per_token() -> None:
    data = (await ask(rig(), "/model/info"))["data"]
    assert [each["model_name"] for each in data] == ["m", "m", "other"]
    info = data[0]["model_info"]
    assert (info["input_cost_per_token"], info["output_cost_per_token"]) == (2.5e-06, 1e-05)
    assert data[1]["model_info"]["input_cost_per_token"] is None  # unknown is not free


async def test_one_deployment_can_be_asked_for() -> None:
    data = (await ask(rig(), "/model/info", query=f"litellm_model_id={A.id}"))["data"]
    assert [each["model_info"]["id"] for each in data] == [A.id]
    with pytest.raises(NotFound):
        await ask(rig(), "/model/info", query="litellm_model_id=nobody")


async def test_what_the_configuration_says_of_a_model_stands_beside_what_we_know() -> None:
    told = chat_deployment("t", info={"supports_vision": Raw(b"true"), "id": Raw(b'"other"')})
    one = Rig(ScriptedSender(), route("m", told))
    info = (await ask(one, "/model/info"))["data"][0]["model_info"]
    assert (info["supports_vision"], info["id"]) == (True, "t")


@pytest.mark.parametrize(
    ("query", "ids", "total", "pages"),
    [
        ("", "abb", 3, 1),
        ("size=2", "ab", 3, 2),
        ("size=2&page=2", "b", 3, 2),
        ("size=2&page=9", "", 3, 2),
        ("search=OTH", "b", 1, 1),
        ("model=m", "ab", 2, 1),
        (f"modelId={B.id}", "bb", 2, 1),
        ("model=nobody", "", 0, 0),
    ],
)
async def test_deployments_by_the_page(query: str, ids: str, total: int, pages: int) -> None:
    page = await ask(rig(), "/v2/model/info", query=query)
    names = {"a": A.id, "b": B.id}
    assert [each["model_info"]["id"] for each in page["data"]] == [names[i] for i in ids]
    assert (page["total_count"], page["total_pages"]) == (total, pages)


async def test_one_group_can_be_asked_for() -> None:
    data = (await ask(rig(), "/model_group/info", query="model_group=other"))["data"]
    assert [each["model_group"] for each in data] == ["other"]


async def test_only_models_of_the_key_are_listed() -> None:
    data = (await ask(rig(), "/v1/model/info", ("other",)))["data"]
    assert [each["model_name"] for each in data] == ["other"]


async def test_a_group_offers_the_most_of_its_deployments() -> None:
    first = (await ask(rig(), "/model_group/info"))["data"][0]
    assert (first["max_input_tokens"], first["deployments"], first["usable"]) == (4000, 2, 2)


async def test_health_tells_what_cools_down_without_asking_anybody() -> None:
    one = rig()
    for _ in range(3):
        one.health.failed(A, one.clock.monotonic(), Unreachable("down"), alone=False)
    found = await ask(one, "/health")
    assert [each["model_id"] for each in found["unhealthy_endpoints"]] == [A.id]
    assert (found["healthy_count"], found["unhealthy_count"]) == (2, 1)
    assert one.sender.sent == []


async def test_an_inference_is_made_only_when_it_is_asked_for() -> None:
    answers: dict[str, list[Answer | UpstreamError]] = {
        A.id: [Unreachable("away")],
        B.id: [Answer(200, whole("x"))],
    }
    sender = ScriptedSender(**answers)
    one = Rig(sender, route("m", A, B))
    found = await ask(one, "/health", query="inference=true")
    assert [each["model_id"] for each in found["healthy_endpoints"]] == [B.id]
    assert found["unhealthy_endpoints"][0]["error"] == "upstream_unavailable: away"
    assert sorted(sender.hosts) == [A.id, B.id]
    found = await ask(one, "/health", query=f"inference=true&model_id={B.id}")
    assert (found["healthy_count"], found["unhealthy_count"]) == (1, 0)


@pytest.mark.parametrize("query", ["model=nobody", "model_id=nobody", "model=m&model_id=nobody"])
async def test_the_health_of_what_does_not_exist_is_not_well(query: str) -> None:
    """A probe with a typing error was told that nothing is unhealthy."""
    with pytest.raises(NotFound):
        await ask(rig(), "/health", query=query)


async def test_health_is_asked_for_by_either_name_of_a_model() -> None:
    found = await ask(rig(), "/health", query="model=m")
    assert found["healthy_count"] == 2
    found = await ask(rig(), "/health", query=f"model=vendor/{A.model}")
    assert {each["model_id"] for each in found["healthy_endpoints"]} >= {A.id}
    assert (await ask(Rig(ScriptedSender()), "/health"))["healthy_count"] == 0


def test_health_is_for_administrators() -> None:
    scopes = {each.path: each.scope for each in endpoints(rig().pipeline)}
    assert scopes["/health"] is Scope.ADMIN


SEES = chat_deployment("s", supports=frozenset({"vision"}), info={"supports_vision": Raw(b"true")})


async def test_what_models_can_do_is_said_of_each_and_of_the_group() -> None:
    one = Rig(ScriptedSender(), route("m", A, SEES))
    blind, sees = (each["model_info"] for each in (await ask(one, "/model/info"))["data"])
    assert (blind["supports_vision"], sees["supports_vision"]) == (None, True)
    assert sees["supports_reasoning"] is None  # not known is not a no
    group = (await ask(one, "/model_group/info"))["data"][0]
    assert (group["supports_vision"], group["supports_reasoning"]) == (True, False)
    assert "temperature" in group["supported_openai_params"]


async def test_the_parameters_of_a_model_can_be_asked_for() -> None:
    path = "/utils/supported_openai_params"
    assert "temperature" in (await ask(rig(), path, query="model=m"))["supported_openai_params"]
    with pytest.raises(UnknownModel):
        await ask(rig(), path, query="model=nothing")
    with pytest.raises(Forbidden):
        await ask(rig(), path, ("other",), query="model=m")
