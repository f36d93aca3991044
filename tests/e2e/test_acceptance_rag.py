"""Acceptance cases of document search (RS, RU, OBS), by their ids, on the embedded engine."""

import re
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from tests.e2e.conftest import simple_config
from tests.e2e.test_acceptance_http import check_error
from tests.e2e.test_dependencies import until_deps
from tests.support.served import Gateway, running, until
from tests.support.upstream import Mode, Upstream
from tests.support.vectors import embed

pytestmark = pytest.mark.asyncio(loop_scope="module")

ADMIN = "admin-write-key-0123456789abcdef01234567"
SEARCH, UPSERT = "/v1/rag/search", "/v1/rag/upsert"
DIM = 384


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(
    tmp_path_factory: pytest.TempPathFactory, shared_upstream: Upstream
) -> AsyncIterator[Gateway]:
    config = simple_config(shared_upstream, hx={"rag": {"embedding_model": "emb"}})
    state: Path = tmp_path_factory.mktemp("rag") / "s"
    async with running(state, config=config, env={"ADMIN_KEYS": ADMIN}) as served:
        await until_deps(served, qdrant=True)
        yield served


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def _good_upstream(upstream: Upstream) -> None:
    """What one test breaks is whole again in the next."""


@pytest.fixture
def ns() -> str:
    return f"bb:{uuid.uuid4()}"


async def write(gateway: Gateway, documents: list[dict[str, Any]], **more: Any) -> Any:
    body = {"documents": documents, **more}
    return await gateway.ask(UPSERT, json=body, headers={"x-hx-admin-key": ADMIN})


async def search(gateway: Gateway, **body: Any) -> list[dict[str, Any]]:
    answer = await gateway.ask(SEARCH, json=body)
    assert answer.status == 200, answer.text
    assert answer.json()["status"] == "ok"
    hits: list[dict[str, Any]] = answer.json()["result"]
    return hits


async def test_rs_01_an_empty_namespace_has_no_hits(gateway: Gateway, ns: str) -> None:
    user = (await gateway.ask("/key/generate", json={})).json()["key"]
    body = {"query": "hello world", "limit": 3, "namespace": ns}
    answer = await gateway.ask(SEARCH, json=body, key=user)
    assert (answer.status, answer.json()["status"], answer.json()["result"]) == (200, "ok", [])


async def test_rs_02_09_ru_01_02_04_what_was_written_is_found_where_it_is(
    gateway: Gateway, upstream: Upstream, ns: str
) -> None:
    texts = ["the first text", "a second one", "something third"]
    documents = [
        {"text": text, "namespace": ns, "metadata": {"n": n}} for n, text in enumerate(texts)
    ]
    answer = await write(gateway, documents, batch_size=64)
    made = answer.json()
    assert (answer.status, made["status"], made["upserted"], made["failed"]) == (200, "ok", 3, 0)
    assert isinstance(made["details"], list)
    assert isinstance(made["request_id"], str)
    assert isinstance(made["processing_time_ms"], int)
    hits = await search(gateway, query=texts[0], limit=3, namespace=ns)
    assert (hits[0]["text"], hits[0]["metadata"], hits[0]["namespace"]) == (texts[0], {"n": 0}, ns)
    assert [hit["score"] for hit in hits] == sorted((hit["score"] for hit in hits), reverse=True)
    assert all(hit["id"] for hit in hits)
    other = f"{ns}-other"
    assert await search(gateway, query=texts[0], namespace=other) == []
    await write(gateway, [{"text": texts[0], "namespace": other}])
    assert len(await search(gateway, query=texts[0], namespace=other)) == 1
    assert len(await search(gateway, query=texts[0], namespace=ns)) == 3


async def test_rs_03_a_vector_needs_no_embedding(
    gateway: Gateway, upstream: Upstream, ns: str
) -> None:
    await write(gateway, [{"text": "by vector", "namespace": ns}])
    upstream.asked.clear()
    hits = await search(gateway, vector=embed("by vector", DIM), limit=3, namespace=ns)
    assert hits[0]["text"] == "by vector"
    assert upstream.asked == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"query": ""},
        {"query": "   "},
        {"query": None},
        {"query": "x", "vector": [0.1] * DIM},
        *({"query": "x", "limit": limit} for limit in (0, 101, "x", -1, 1.5)),
        {"query": "x", "namespace": ""},
        {"query": "x", "namespace": "n" * 201},
        {"query": "x", "namespace": "  "},
        {"query": "x", "score_threshold": 1.1},
        {"query": "x", "score_threshold": "0.5"},
        {"query": "x", "unheard_of": 1},
        {"vector": []},
        {"vector": ["a"]},
        {"query": 5},
    ],
)
async def test_rs_04_05_08_what_breaks_the_schema_is_422(
    gateway: Gateway, upstream: Upstream, body: dict[str, Any]
) -> None:
    answer = await gateway.ask(SEARCH, json=body)
    check_error(answer, 422, "validation_error")
    assert upstream.asked == []


async def test_rs_06_ru_05_a_wrong_dimension_is_named(gateway: Gateway, ns: str) -> None:
    await write(gateway, [{"text": "pins the dimension", "namespace": ns}])
    for answer, size in (
        (await gateway.ask(SEARCH, json={"vector": [0.1] * 5}), 5),
        (await write(gateway, [{"namespace": ns, "vector": [1, 2, 3]}]), 3),
    ):
        assert answer.status == 400, answer.text
        numbers = set(re.findall(r"\d+", answer.json()["error"]["message"]))
        assert {str(DIM), str(size)} <= numbers
    assert len(await search(gateway, query="pins", namespace=ns)) == 1


async def test_rs_08_five_hits_unless_more_are_wanted(gateway: Gateway, ns: str) -> None:
    await write(gateway, [{"text": f"text number {n}", "namespace": ns} for n in range(8)])
    assert len(await search(gateway, query="text", namespace=ns)) == 5
    assert len(await search(gateway, query="text", namespace=ns, limit=100)) == 8


async def test_rs_02_a_threshold_includes_what_reaches_it(gateway: Gateway, ns: str) -> None:
    """The engine leaves out what just reaches it, so that 1 found nothing, not even the text."""
    await write(gateway, [{"text": text, "namespace": ns} for text in ("whale song", "tax form")])
    for least, texts in ((1, ["whale song"]), (0.5, ["whale song"]), (-1, None), (0, None)):
        hits = await search(gateway, query="whale song", namespace=ns, score_threshold=least)
        assert texts is None or [hit["text"] for hit in hits] == texts
        assert texts is not None or len(hits) == 2


async def test_ru_01_null_is_as_good_as_nothing(gateway: Gateway) -> None:
    nulls = dict.fromkeys(("id", "vector", "metadata", "namespace", "expires_at"))
    answer = await write(gateway, [{"text": f"nulls {uuid.uuid4()}", **nulls}])
    assert answer.status == 200, answer.text
    assert answer.json()["details"][0]["namespace"] == "default"


async def test_rs_13_without_embeddings_only_vectors_work(
    gateway: Gateway, upstream: Upstream, ns: str
) -> None:
    await write(gateway, [{"text": "still here", "namespace": ns}])
    upstream.mode = Mode.FAIL
    answer = await gateway.ask(SEARCH, json={"query": "x", "namespace": ns})
    assert answer.status in {502, 503}
    assert answer.json()["error"]["code"] == "embedding_unavailable"
    assert len(await search(gateway, vector=embed("still here", DIM), namespace=ns)) == 1


async def test_ru_03_the_same_documents_again_are_the_same(gateway: Gateway, ns: str) -> None:
    documents = [{"text": "one", "namespace": ns}, {"text": "two", "namespace": ns}]
    for _ in range(2):
        assert (await write(gateway, documents)).json()["upserted"] == 2
    assert len(await search(gateway, query="one", namespace=ns, limit=100)) == 2


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, ()),
        ({"documents": []}, ()),
        ({"documents": [{"namespace": "n"}]}, ("text", "vector")),
        ({"documents": [{"text": "x", "namespace": ""}]}, ()),
        ({"documents": [{"text": "x", "namespace": "n" * 201}]}, ()),
        ({"documents": [{"text": "x", "namespace": "  "}]}, ("namespace",)),
        ({"documents": [{"text": "x", "id": " "}]}, ("documents[0].id",)),
        ({"documents": [{"text": "x", "id": "a"}, {"text": "y", "id": "a"}]}, ("documents[1].id",)),
        ({"documents": [{"text": "x", "expires_at": 1_800_000_000_000}]}, ("expires_at",)),
        ({"documents": [{"text": "x"}] * 101}, ()),
        ({"documents": [{"text": "x"}], "batch_size": 0}, ()),
        ({"documents": [{"text": "x"}], "batch_size": 129}, ()),
        ({"documents": "x"}, ()),
    ],
)
async def test_ru_06_07_08_16_what_breaks_the_schema_writes_nothing(
    gateway: Gateway, upstream: Upstream, body: dict[str, Any], words: tuple[str, ...]
) -> None:
    answer = await gateway.ask(UPSERT, json=body, headers={"x-hx-admin-key": ADMIN})
    check_error(answer, 422, "validation_error")
    assert all(word in answer.json()["error"]["message"] for word in words)
    assert upstream.asked == []


async def test_ru_08_16_the_limits_themselves_are_fine(gateway: Gateway) -> None:
    long = uuid.uuid4().hex + "n" * 168
    documents = [{"text": f"{n}", "namespace": long} for n in range(100)]
    answer = await write(gateway, documents, batch_size=128)
    assert (answer.status, answer.json()["upserted"]) == (200, 100)


async def test_ru_13_vectors_without_ids_are_two_points(gateway: Gateway, ns: str) -> None:
    vectors = [embed(text, DIM) for text in ("a", "b")]
    answer = await write(gateway, [{"vector": vector, "namespace": ns} for vector in vectors])
    assert answer.status == 200
    assert len(await search(gateway, vector=vectors[0], namespace=ns)) == 2


async def test_ru_15_the_write_key_alone_writes_text(gateway: Gateway, ns: str) -> None:
    body = {"documents": [{"text": "no bearer", "namespace": ns}]}
    answer = await gateway.ask(UPSERT, json=body, key=None, headers={"x-hx-admin-key": ADMIN})
    assert answer.status == 200
    wrong = await gateway.ask(UPSERT, json=body, key=None, headers={"x-hx-admin-key": "wrong"})
    check_error(wrong, 401, "authentication_error")


async def test_obs_02_03_04_counters_follow_what_happened(
    gateway: Gateway, upstream: Upstream, ns: str
) -> None:
    async def value(pattern: str) -> float:
        lines = (await gateway.ask("/metrics")).text.splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if re.match(pattern, line))

    names = [
        r"rag_search_total\{.*result=\"ok\"",
        r"rag_search_total\{(?!.*result=\"ok\")",
        r"rag_upserts_total",
        r"rag_embedding_seconds_count",
        r"rag_qdrant_seconds_count",
    ]
    before = [await value(name) for name in names]
    await write(gateway, [{"text": "counted", "namespace": ns}])
    for _ in range(3):
        await search(gateway, query="counted", namespace=ns)
    upstream.mode = Mode.FAIL
    assert (await gateway.ask(SEARCH, json={"query": "x"})).status >= 500
    after = [await value(name) for name in names]
    grown = [now - then for then, now in zip(before, after, strict=True)]
    assert grown[:2] == [3, 1]
    assert all(each > 0 for each in grown[2:])


async def test_obs_06_an_upsert_has_one_line_in_the_log(gateway: Gateway, ns: str) -> None:
    documents = [{"text": f"secret text {n}", "namespace": ns} for n in range(2)]
    id_ = (await write(gateway, documents)).json()["request_id"]
    await until(lambda: f'"request_id":"{id_}"' in gateway.logs(), 30.0, "the line")
    told = [line for line in gateway.logs().splitlines() if id_ in line and "rag.upsert" in line]
    assert len(told) == 1
    line = msgspec.json.decode(told[0])
    assert (line["message"], line["request_id"]) == ("rag.upsert", id_)
    assert (line["namespace"], line["count"], line["status"]) == (ns, 2, 200)
    assert line["ms"] >= 0
    assert "secret text" not in gateway.logs()


async def test_rs_16_switched_off_the_family_is_not_there(
    tmp_path: Path, shared_upstream: Upstream
) -> None:
    config = simple_config(shared_upstream)
    async with running(tmp_path, config=config, env={"ENABLE_RAG": "false"}) as bare:
        for path in (SEARCH, UPSERT):
            assert (await bare.ask(path, json={"query": "x"})).status == 404
        paths = (await bare.ask("/openapi.json")).json()["paths"]
        assert not [path for path in paths if "/rag/" in path]
        assert (await bare.ask("/v1/models")).status == 200
