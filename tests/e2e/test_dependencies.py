"""Redis and the vector store, killed and hung: shown, survived, healed without a restart."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.e2e.conftest import simple_config
from tests.support.processes import children
from tests.support.served import Gateway, running
from tests.support.upstream import Upstream
from tests.support.valkey import ValkeyServer, valkey_server

pytestmark = pytest.mark.asyncio(loop_scope="module")
ASK = {"model": "chat-a", "messages": [{"role": "user", "content": "hi"}]}
LISTS = ("/v1/keys", "/v1/api_keys", "/v1/teams", "/v1/users")
SEARCH = {"query": "anything", "namespace": "a"}


@pytest.fixture(scope="module")
def valkey() -> Any:
    with valkey_server() as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_gateway(
    tmp_path_factory: pytest.TempPathFactory, shared_upstream: Upstream, valkey: ValkeyServer
) -> AsyncIterator[Gateway]:
    state: Path = tmp_path_factory.mktemp("deps") / "s"
    config = simple_config(shared_upstream, hx={"rag": {"embedding_model": "emb"}})
    async with running(state, config=config, env={"REDIS_URL": valkey.url()}) as gateway:
        await until_deps(gateway, redis=True, qdrant=True)
        yield gateway


async def until_deps(gateway: Gateway, **wanted: bool) -> None:
    end = time.monotonic() + 60.0
    while True:
        began = time.monotonic()
        answer = await gateway.ask("/healthz/deps")
        assert time.monotonic() - began < 15.0
        found = answer.json()
        if all(found[name] is value for name, value in wanted.items()):
            assert answer.status == (200 if all(wanted.values()) else 503)
            return
        assert time.monotonic() < end, found
        await asyncio.sleep(0.1)


@pytest.mark.parametrize("how", ["killed", "hung"])
async def test_hlt_04_adm_04_redis_away_is_shown_and_hurts_nobody(
    shared_gateway: Gateway, valkey: ValkeyServer, how: str
) -> None:
    pid = shared_gateway.pid
    (valkey.kill if how == "killed" else valkey.stop)()
    try:
        await until_deps(shared_gateway, redis=False, postgres=True, qdrant=True)
        assert (await shared_gateway.ask("/v1/chat/completions", json=ASK)).status == 200
        assert (await shared_gateway.ask("/healthz")).status == 200
        for path in LISTS:  # which do not need it
            assert (await shared_gateway.ask(path)).status == 200
    finally:
        (valkey.restart if how == "killed" else valkey.cont)()
    await until_deps(shared_gateway, redis=True, qdrant=True)
    assert (shared_gateway.pid, shared_gateway.alive) == (pid, True)  # without a restart


async def test_rs_14_a_dead_vector_engine_is_a_typed_503_and_comes_back(
    shared_gateway: Gateway,
) -> None:
    documents = {"documents": [{"id": "1", "text": "kept", "namespace": "a"}]}
    assert (await shared_gateway.ask("/v1/rag/upsert", json=documents)).status == 200
    engine = next(pid for pid in children(shared_gateway.pid) if "local.vectors" in command(pid))
    stop(engine)
    try:
        answer = await shared_gateway.ask("/v1/rag/search", json=SEARCH)
        assert answer.status in {503, 504}
        assert answer.json()["error"]["type"] == "vector_store_unavailable"
        assert (await shared_gateway.ask("/v1/chat/completions", json=ASK)).status == 200
        await until_deps(shared_gateway, qdrant=False, redis=True)
    finally:
        kill(engine)
    await until_deps(shared_gateway, qdrant=True, redis=True)
    found = (await shared_gateway.ask("/v1/rag/search", json=SEARCH)).json()["result"]
    assert [hit["id"] for hit in found] == ["1"]  # written before it died


async def test_a_dead_embedding_model_stops_queries_and_not_vectors(
    shared_gateway: Gateway, shared_upstream: Upstream
) -> None:
    vector = {"vector": [0.5] * shared_upstream.dimension, "namespace": "a"}
    await shared_upstream.down()
    try:
        answer = await shared_gateway.ask("/v1/rag/search", json=SEARCH)
        assert answer.status in {502, 503}
        assert answer.json()["error"]["type"] == "embedding_unavailable"
        assert (await shared_gateway.ask("/v1/rag/search", json=vector)).status == 200
    finally:
        await shared_upstream.up()
    assert (await shared_gateway.ask("/v1/rag/search", json=SEARCH)).status == 200


def command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8").replace("\0", " ")


def stop(pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
