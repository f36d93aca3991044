"""Acceptance cases of things that are away (RTE, RS, RU), by their ids."""

import re
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from tests.e2e.conftest import simple_config
from tests.e2e.test_acceptance_http import CHAT, COMPLETE, SEARCH, UPSERT, check_error
from tests.e2e.test_dependencies import until_deps
from tests.support.fetch import Answer
from tests.support.listener import Asked, Listener, Wire
from tests.support.processes import free_port
from tests.support.qdrant import QdrantDouble, qdrant_double
from tests.support.served import Gateway, running
from tests.support.upstream import Mode, Upstream

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Leaving(Listener):
    """Takes every request and leaves without an answer."""

    def __init__(self) -> None:
        super().__init__(self._handle)

    async def _handle(self, asked: Asked, wire: Wire) -> None:
        wire.close()


@pytest.fixture(scope="module")
def qdrant() -> Iterator[QdrantDouble]:
    with qdrant_double() as double:
        yield double


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def leaving() -> AsyncIterator[Leaving]:
    async with Leaving() as listener:
        yield listener


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(
    tmp_path_factory: pytest.TempPathFactory,
    shared_upstream: Upstream,
    leaving: Leaving,
    qdrant: QdrantDouble,
) -> AsyncIterator[Gateway]:
    """Groups with members that are away, in the order in which they are asked."""

    def member(group: str, base: str, order: int) -> dict[str, Any]:
        params = {"model": "openai/scripted", "api_base": base, "api_key": "k", "order": order}
        return {
            "model_name": group,
            "litellm_params": params,
            "model_info": {"id": f"{group}-{order}"},
        }

    nobody = f"http://127.0.0.1:{free_port()}/v1"
    config = simple_config(shared_upstream)
    config["model_list"] += [
        member("failing-over", nobody, 1),
        member("failing-over", shared_upstream.base_url, 2),
        member("all-down", nobody, 1),
        member("all-down", nobody, 2),
        member("all-leave", f"{leaving.url}/v1", 1),
        member("all-leave", f"{leaving.url}/v1", 2),
    ]
    config["hx"] = {"rag": {"embedding_model": "emb"}}
    env = {"QDRANT_URL": f"http://127.0.0.1:{qdrant.port}"}
    state = tmp_path_factory.mktemp("faults") / "s"
    async with running(state, config=config, env=env) as served:
        await until_deps(served, qdrant=True)
        yield served


async def chat(gateway: Gateway, group: str) -> Answer:
    return await gateway.ask(COMPLETE, json={**CHAT, "model": group}, timeout_s=30)


async def count(gateway: Gateway, pattern: str) -> float:
    lines = (await gateway.ask("/metrics")).text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if re.match(pattern, line))


async def test_rte_05_the_next_member_answers_and_it_is_counted(
    gateway: Gateway, upstream: Upstream
) -> None:
    failed = r"litellm_deployment_failure_responses_total\{.*failing-over-1"
    succeeded = r"litellm_deployment_success_responses_total\{.*failing-over-2"
    before = await count(gateway, failed), await count(gateway, succeeded)
    answer = await chat(gateway, "failing-over")
    assert (answer.status, len(upstream.asked)) == (200, 1)
    assert answer.headers["x-litellm-model-id"] == "failing-over-2"
    assert answer.headers["x-hx-attempts"].endswith("upstream_unavailable, answered")
    after = await count(gateway, failed), await count(gateway, succeeded)
    assert after[0] > before[0]
    assert after[1] == before[1] + 1


async def test_rte_06_when_all_are_down_it_is_said_within_the_attempts(gateway: Gateway) -> None:
    answer = await chat(gateway, "all-down")
    check_error(answer, 502, "upstream_unavailable")
    assert len(answer.headers.get("x-hx-attempts", "").split(", ")) <= 3


async def test_rte_06_who_leaves_after_the_request_is_asked_three_times_at_most(
    gateway: Gateway, leaving: Leaving
) -> None:
    check_error(await chat(gateway, "all-leave"), 502, "upstream_unavailable")
    assert 1 <= len(leaving.asked) <= 3


async def test_rte_06_nothing_is_asked_again_after_bytes_were_sent_to_the_client(
    gateway: Gateway, upstream: Upstream
) -> None:
    upstream.mode = Mode.RESET_MIDWAY
    answer = await gateway.ask(COMPLETE, json={**CHAT, "stream": True})
    assert answer.status == 200
    assert "upstream_interrupted" in answer.text
    assert len(upstream.asked) == 1


@pytest.mark.parametrize(("mode", "status"), [("status", 503), ("garbage", 502)])
async def test_rs_14_ru_19_without_the_vector_store_nothing_is_found_or_written(
    gateway: Gateway, qdrant: QdrantDouble, upstream: Upstream, mode: str, status: int
) -> None:
    namespace = f"bb:{uuid.uuid4()}"
    documents = {"documents": [{"text": "a text", "namespace": namespace}]}
    search = {"query": "a text", "namespace": namespace}
    qdrant.released.clear()
    try:
        for path, body in ((SEARCH, search), (UPSERT, documents)):
            qdrant.mode, before = mode, qdrant.faults
            answer = await gateway.ask(path, json=body, timeout_s=30)
            check_error(answer, answer.status, "vector_store_unavailable")
            assert answer.status in {status, 503}  # 503 at once, where it is known to be away
            assert int(answer.headers["retry-after"]) >= 1
            assert qdrant.faults - before <= 1  # no silent second try
    finally:
        qdrant.mode = None
        qdrant.released.set()
    await until_deps(gateway, qdrant=True)
    found = await gateway.ask(SEARCH, json=search, timeout_s=30)
    assert (found.status, found.json()["result"]) == (200, [])  # `upserted` was 0


async def test_ru_17_an_idempotency_key_changes_nothing(
    gateway: Gateway, qdrant: QdrantDouble, upstream: Upstream
) -> None:
    """None is offered, and none is needed: documents are known by their id, or by their text."""
    namespace = f"bb:{uuid.uuid4()}"
    sent = {"idempotency-key": "one and the same"}
    for text in ("first", "first", "second"):
        body = {"documents": [{"text": text, "namespace": namespace}]}
        answer = await gateway.ask(UPSERT, json=body, headers=sent)
        assert (answer.status, answer.json()["upserted"]) == (200, 1)
    found = await gateway.ask(SEARCH, json={"query": "first", "namespace": namespace, "limit": 9})
    assert sorted(hit["text"] for hit in found.json()["result"]) == ["first", "second"]
