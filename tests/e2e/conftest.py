"""A running gateway in front of a scripted upstream."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from tests.support.served import Gateway
from tests.support.upstream import Mode, Upstream

UPSTREAM_KEY = "sk-upstream-canary-0123456789abcdef"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_upstream() -> AsyncIterator[Upstream]:
    """A scripted OpenAI-shaped upstream, for all tests of a file."""
    async with Upstream() as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(
    tmp_path_factory: pytest.TempPathFactory, shared_upstream: Upstream
) -> AsyncIterator[Gateway]:
    """The real program, ready: two chat models and an embedding model at the upstream."""
    served = Gateway(tmp_path_factory.mktemp("gw") / "s", config=simple_config(shared_upstream))
    served.start()
    try:
        await served.wait_ready()
        yield served
    finally:
        await served.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def upstream(shared_upstream: Upstream) -> Upstream:
    """The upstream as new: it behaves well and remembers nothing."""
    shared_upstream.mode = Mode.WELL
    shared_upstream.script.clear()
    shared_upstream.asked.clear()
    shared_upstream.pace_s = shared_upstream.delay_s = 0.0
    return shared_upstream


def simple_config(upstream: Upstream, **more: Any) -> dict[str, Any]:
    def model(name: str, upstream_name: str, **info: Any) -> dict[str, Any]:
        params = {
            "model": f"openai/{upstream_name}",
            "api_base": upstream.base_url,
            "api_key": UPSTREAM_KEY,
        }
        return {"model_name": name, "litellm_params": params, "model_info": info}

    models = [
        model("chat-a", "scripted", mode="chat"),
        model("chat-b", "scripted", mode="chat"),
        model("emb", "embedder", mode="embedding"),
    ]
    # No cooldowns: what one test breaks must not be refused in the next.
    return {"model_list": models, "router_settings": {"disable_cooldowns": True}, **more}
