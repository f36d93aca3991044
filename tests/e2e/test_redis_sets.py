"""A gateway whose Redis is several servers, named as LiteLLM's settings name them."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from redis.asyncio import Redis
from tests.e2e.conftest import simple_config
from tests.support.cached import asking, post
from tests.support.certificate import server_context
from tests.support.served import Gateway
from tests.support.tls_proxy import tls_in_front_of
from tests.support.upstream import Upstream
from tests.support.valkey import valkey_server
from tests.support.valkey_sets import (
    SERVICE,
    Cluster,
    Watched,
    valkey_cluster,
    watched_valkeys,
)

# Several servers each, and the seconds in which they elect.
pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]
PATIENT_S = 120.0


@pytest.fixture
def watched() -> Iterator[Watched]:
    with watched_valkeys() as made:
        yield made


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with valkey_cluster() as made:
        yield made


@asynccontextmanager
async def running(
    folder: Path, upstream: Upstream, env: dict[str, str] | None = None, **params: object
) -> AsyncIterator[Gateway]:
    given: dict[str, object] = {
        "type": "redis",
        "namespace": "own",
        "socket_timeout": 1.0,
        **params,
    }
    settings = {"cache": True, "cache_params": given}
    served = Gateway(
        folder / "s", config=simple_config(upstream, litellm_settings=settings), env=env
    )
    served.start()
    try:
        await served.wait_ready()
        yield served
    finally:
        await served.stop()


async def until_kept(served: Gateway, text: str) -> None:
    """Ask the same until it comes from the cache; every answer must be one."""
    async with asyncio.timeout(PATIENT_S):
        while True:
            answer = await post(served, asking(text))
            assert answer.status == 200
            if answer.headers.get("x-litellm-cache-hit") == "True":
                return
            await asyncio.sleep(0.05)


async def until_done(served: Gateway, path: str, **options: Any) -> Any:
    """Ask until it is done: what all nodes are asked may find a dead one among them at first."""
    async with asyncio.timeout(PATIENT_S):
        while True:
            answer = await served.ask(path, **options)
            if answer.status == 200:
                return answer.json()
            await asyncio.sleep(0.05)


async def redis_is_up(served: Gateway) -> None:
    async with asyncio.timeout(PATIENT_S):
        while True:
            if (await served.ask("/healthz/deps")).json()["redis"] is True:
                return
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("where", ["file", "environment"])
async def test_the_cache_outlives_the_primary_behind_sentinels(
    tmp_path: Path, upstream: Upstream, watched: Watched, where: str
) -> None:
    named: dict[str, Any] = {
        "sentinel_nodes": watched.nodes,
        "service_name": SERVICE,
        "sentinel_password": watched.password,
    }
    env: dict[str, str] = {}
    if where == "environment":
        env = {f"REDIS_{name.upper()}": value for name, value in named.items()}
        env["REDIS_SENTINEL_NODES"] = msgspec.json.encode(watched.nodes).decode()
        named = {}
    async with running(tmp_path, upstream, env, **named) as served:
        await until_kept(served, "before")
        await redis_is_up(served)
        async with Redis(port=watched.primary().port) as redis:
            names = [name async for name in redis.scan_iter()]
        assert names
        assert all(name.startswith(b"own:") for name in names)
        await asyncio.to_thread(watched.settle)
        asked = len(upstream.asked)
        watched.primary().kill()
        await until_kept(served, "after")
        await until_kept(served, "before")
        assert len(upstream.asked) > asked
        await redis_is_up(served)
        told = await until_done(served, "/cache/redis/info")
        assert told["info"]["role"] == "master"
        assert watched.password not in served.logs()


async def test_the_cache_outlives_a_node_of_a_cluster(
    tmp_path: Path, upstream: Upstream, cluster: Cluster
) -> None:
    async with running(tmp_path, upstream, redis_startup_nodes=cluster.nodes) as served:
        texts = [f"text {number}" for number in range(10)]  # some on each node
        for text in texts:
            await until_kept(served, text)
        await asyncio.to_thread(cluster.settle)
        cluster.servers[0].kill()
        for text in texts:
            await until_kept(served, text)
        told = await until_done(served, "/cache/redis/info")
        assert len(told["info"]) == 3
        await until_done(served, "/cache/flushall", method="POST")
        answer = await post(served, asking(texts[0]))
        assert "x-litellm-cache-hit" not in answer.headers


async def test_the_cache_is_behind_tls(tmp_path: Path, upstream: Upstream) -> None:
    context, ca = server_context(tmp_path)
    with valkey_server() as valkey:
        async with tls_in_front_of(valkey.port, context) as port:
            given: dict[str, Any] = {"host": "localhost", "port": port, "ssl": True}
            async with running(tmp_path, upstream, **given, ssl_ca_certs=str(ca)) as served:
                await until_kept(served, "kept")
            async with running(tmp_path, upstream, **given) as served:  # nobody vouches for it
                for _ in range(3):
                    answer = await post(served, asking("kept"))
                    assert answer.status == 200
                    assert "x-litellm-cache-hit" not in answer.headers
            async with running(tmp_path, upstream, **given, ssl_cert_reqs="None") as served:
                await until_kept(served, "kept")
