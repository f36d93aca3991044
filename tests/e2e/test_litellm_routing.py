"""What LiteLLM's routing settings do, seen from outside of one running gateway."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from tests.support.fetch import Answer
from tests.support.served import Gateway, running
from tests.support.upstream import Upstream

pytestmark = pytest.mark.asyncio(loop_scope="module")

TINY = 1e-12  # dollars: one call uses it up, as in LiteLLM's documentation
PRICES = {"input_cost_per_token": 1e-06, "output_cost_per_token": 1e-06}


def entry(name: str, id_: str, base: str, model: str = "openai/scripted", **params: Any) -> Any:
    given = {"model": model, "api_base": base, "api_key": "sk-x", **PRICES, **params}
    return {"model_name": name, "litellm_params": given, "model_info": {"id": id_}}


def tagged(one: Any) -> Any:
    one["model_info"]["enable_tag_filtering"] = True
    return one


def config(base: str) -> dict[str, Any]:
    return {
        "model_list": [
            entry("budgeted", "poor", base, order=1, max_budget=TINY, budget_duration="1d"),
            entry("budgeted", "rich", base, order=2),
            entry("bounded", "vllm", base, model="hosted_vllm/scripted"),
            entry("openai/*", "any", base, model="openai/*"),
            *(entry("steady", f"steady-{n}", base, order=1) for n in range(4)),
            tagged(entry("tagged", "free", base, tags=["free"])),
            entry("tagged", "code", base, tag_regex=["^User-Agent: claude-code/"]),
            entry("tagged", "rest", base, tags=["default"]),
        ],
        "router_settings": {
            "model_group_affinity_config": {"steady": ["session_affinity"]},
            "routing_strategy": "provider-budget-routing",
            "provider_budget_config": {"hosted_vllm": {"budget_limit": TINY, "time_period": "1d"}},
        },
    }


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(
    shared_upstream: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Gateway]:
    folder = tmp_path_factory.mktemp("routing")
    async with running(folder, config=config(shared_upstream.base_url)) as one:
        yield one


async def chat(gateway: Gateway, model: str, **fields: Any) -> Answer:
    body = {"model": model, "messages": [{"role": "user", "content": "Hi"}], **fields}
    return await gateway.ask("/v1/chat/completions", json=body)


async def test_a_deployment_over_its_budget_is_skipped(gateway: Gateway) -> None:
    ids = [(await chat(gateway, "budgeted")).headers["x-litellm-model-id"] for _ in range(4)]
    assert ids == ["poor", "rich", "rich", "rich"]


async def test_a_provider_over_its_budget_answers_no_more(gateway: Gateway) -> None:
    assert (await chat(gateway, "bounded")).status == 200
    refused = await chat(gateway, "bounded")
    assert (refused.status, refused.json()["error"]["code"]) == (429, "budget_exceeded")
    shown = (await gateway.ask("/provider/budgets")).json()["providers"]["hosted_vllm"]
    assert shown["spend"] > 0
    assert shown["budget_reset_at"]
    metrics = (await gateway.ask("/metrics")).text
    assert 'litellm_provider_remaining_budget_metric{api_provider="hosted_vllm"} 0.0' in metrics


async def test_a_plain_name_is_answered_by_its_vendors_wildcard(
    gateway: Gateway, upstream: Upstream
) -> None:
    answer = await chat(gateway, "gpt-4o")
    assert (answer.status, answer.headers["x-litellm-model-id"]) == (200, "any")
    assert upstream.asked[-1].json()["model"] == "gpt-4o"
    assert (await chat(gateway, "mistral-large")).status == 404


async def test_tags_and_the_clients_program_choose_in_one_model(gateway: Gateway) -> None:
    async def answered_by(tags: list[str], agent: str) -> str:
        body = {"model": "tagged", "messages": [{"role": "user", "content": "Hi"}], "tags": tags}
        answer = await gateway.ask("/v1/chat/completions", json=body, headers={"user-agent": agent})
        return answer.headers.get("x-litellm-model-id", str(answer.status))

    assert await answered_by(["free"], "curl/8") == "free"
    assert await answered_by([], "claude-code/2.1") == "code"
    assert await answered_by(["unknown"], "curl/8") == "rest"
    assert await answered_by(["!default"], "curl/8") == "403"


async def test_calls_of_a_session_stay_at_one_deployment(gateway: Gateway) -> None:
    """Without a session they are spread: 20 calls over four have one home once in 10^11 runs."""

    async def answered_by(**fields: Any) -> set[str]:
        answers = [await chat(gateway, "steady", **fields) for _ in range(20)]
        return {each.headers["x-litellm-model-id"] for each in answers}

    assert len(await answered_by(metadata={"session_id": "one"})) == 1
    assert len(await answered_by(litellm_session_id="two")) == 1
    assert len(await answered_by()) > 1


async def test_a_calls_priority_is_for_the_gateway_and_does_not_go_on(
    gateway: Gateway, upstream: Upstream
) -> None:
    assert (await chat(gateway, "steady", priority=3)).status == 200
    assert "priority" not in upstream.bodies[-1]
    refused = await chat(gateway, "steady", priority="high")
    assert (refused.status, refused.json()["error"]["param"]) == (400, "priority")
