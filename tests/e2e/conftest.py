"""A running gateway in front of a scripted upstream."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from tests.support.media_upstream import MediaUpstream
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
    shared_upstream.gate.set()
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


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_media() -> AsyncIterator[MediaUpstream]:
    async with MediaUpstream() as upstream:
        yield upstream


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def spare() -> AsyncIterator[MediaUpstream]:
    async with MediaUpstream() as upstream:
        yield upstream


@pytest_asyncio.fixture(loop_scope="module")
async def media(shared_media: MediaUpstream, spare: MediaUpstream) -> MediaUpstream:
    for each in (shared_media, spare):
        each.asked.clear()
        each.fail_with = each.break_after = each.kind = None
        each.pace_s = 0.0
        each.gate.set()
        each.endless, each.sent = False, 0
    return shared_media


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def media_gateway(
    tmp_path_factory: pytest.TempPathFactory, shared_media: MediaUpstream, spare: MediaUpstream
) -> AsyncIterator[Gateway]:
    def model(
        name: str,
        where: MediaUpstream,
        order: int = 1,
        on_disconnect: str = "cancel",
        **info: Any,
    ) -> dict[str, Any]:
        params = {
            "model": f"openai/up-{name}",
            "api_base": where.base_url,
            "api_key": UPSTREAM_KEY,
            "order": order,
            "on_disconnect": on_disconnect,
        }
        return {"model_name": name, "litellm_params": params, "model_info": info}

    azure = {
        "model": "azure/my-whisper",
        "api_base": shared_media.url,
        "api_key": "azure-key",
        "api_version": "2024-06-01",
    }
    config = {
        "model_list": [
            model("any", shared_media),
            model("two", shared_media),
            model("two", spare, order=2),
            model("chatty", shared_media, mode="chat"),
            model("lasting", shared_media, on_disconnect="drain(20)"),
            {"model_name": "azure-whisper", "litellm_params": azure},
            {
                "model_name": "ranker",
                "litellm_params": {
                    "model": "jina_ai/r",
                    "api_base": shared_media.base_url,
                    "api_key": "k",
                },
            },
        ],
        "router_settings": {"disable_cooldowns": True},
        "hx": {"routing": {"default_group": "any"}},
    }
    served = Gateway(tmp_path_factory.mktemp("gw") / "s", config=config)
    served.start()
    try:
        await served.wait_ready()
        yield served
    finally:
        await served.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def http(media_gateway: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        base_url=media_gateway.url,
        headers={"authorization": f"Bearer {media_gateway.key}"},
        timeout=90,
    ) as made:
        yield made
