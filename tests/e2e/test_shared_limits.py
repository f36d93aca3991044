"""Two gateways with one Redis hold a deployment's requests a minute together."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.served import Gateway, running
from tests.support.upstream import Upstream
from tests.support.valkey import ValkeyServer, valkey_server

LIMIT = 6
ASK = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture(scope="module")
def valkey() -> Iterator[ValkeyServer]:
    with valkey_server() as server:
        yield server


async def statuses(*gateways: Gateway, calls: int) -> list[int]:
    answers = await asyncio.gather(
        *(
            gateways[n % len(gateways)].ask("/v1/chat/completions", json=ASK, timeout_s=60.0)
            for n in range(calls)
        )
    )
    refused = [each for each in answers if each.status == 429]
    assert all(1 <= int(each.headers["retry-after"]) <= 60 for each in refused)
    return [each.status for each in answers]


async def _away_from_the_turn() -> None:
    """Let no minute end in the middle of the test."""
    left_s = 60.0 - time.time() % 60.0
    if left_s < 10.0:
        await asyncio.sleep(left_s + 0.5)


@pytest.mark.parametrize("shared", [True, False])
async def test_a_limit_holds_over_all_gateways_that_share_counters(
    shared: bool, valkey: ValkeyServer, tmp_path: Path
) -> None:
    """Not shared is the control: each gateway then spends the whole limit."""
    async with Upstream() as upstream:
        entry = {
            "model_name": "m",
            "litellm_params": {
                "model": "openai/scripted",
                "api_base": upstream.base_url,
                "api_key": "sk-x",
                "rpm": LIMIT,
            },
            "model_info": {"id": f"limited-{shared}"},
        }
        config = {
            "model_list": [entry],
            "router_settings": {"routing_strategy": "usage-based-routing-v2"},
            "hx": {"redis": {"timeout": 30}},  # away, each would count for itself
        }
        env = {"REDIS_URL": valkey.url()} if shared else {}
        async with (
            running(tmp_path / "one", config=config, env=env) as one,
            running(tmp_path / "two", config=config, env=env) as two,
        ):
            await _away_from_the_turn()
            found = await statuses(one, two, calls=20)
    expected = LIMIT if shared else 2 * LIMIT
    assert found.count(200) == len(upstream.asked) == expected
    assert found.count(429) == 20 - expected
