"""What is shown of models: enough to choose, nothing to steal."""

from typing import Any

import msgspec
from tests.support.deployments import route
from tests.support.pipelines import CALLER, Rig, chat_deployment
from tests.support.sender import ScriptedSender

from hx_gateway.core.errors import Unreachable
from hx_gateway.core.http import Request
from hx_gateway.core.principal import Scope
from hx_gateway.core.secret import Secret
from hx_gateway.core.usage import Price
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


async def ask(rig: Rig, path: str, models: tuple[str, ...] = ()) -> Any:
    endpoint = next(each for each in endpoints(rig.pipeline) if each.path == path)
    request = Request("GET", path, "", {})
    caller = msgspec.structs.replace(CALLER, models=models)
    body = (await endpoint.handler(Visit("v", request, caller))).body
    assert b"canary" not in body
    return msgspec.json.decode(body)


async def test_deployments_are_listed_with_prices_per_token() -> None:
    data = (await ask(rig(), "/model/info"))["data"]
    assert [each["model_name"] for each in data] == ["m", "m", "other"]
    info = data[0]["model_info"]
    assert (info["input_cost_per_token"], info["output_cost_per_token"]) == (2.5e-06, 1e-05)
    assert data[1]["model_info"]["input_cost_per_token"] is None  # unknown is not free


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


def test_health_is_for_administrators() -> None:
    scopes = {each.path: each.scope for each in endpoints(rig().pipeline)}
    assert scopes["/health"] is Scope.ADMIN
