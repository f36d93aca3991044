"""The document routes as clients meet them: acceptance cases RS and RU over HTTP."""

from typing import Any

import pytest
from tests.support.keystore import KEY, SwitchedStore, record_of
from tests.support.rag import HashEmbedder, MemoryVectors, NoteMeter
from tests.support.web import Browser

from hx_gateway.core.errors import DependencyError, Unreachable
from hx_gateway.core.principal import Scope
from hx_gateway.core.snapshot import RagSettings
from hx_gateway.rag.service import DocumentService
from hx_gateway.web import rag

SEARCH, UPSERT = "/v1/rag/search", "/v1/rag/upsert"
BOTH = frozenset({Scope.RAG_READ, Scope.RAG_WRITE})


class Library(Browser):
    """A browser on the document routes, with store and model at hand."""

    def __init__(self, *records: Any) -> None:
        super().__init__(SwitchedStore(*records))
        self.vectors = MemoryVectors()
        self.embedder = HashEmbedder()
        service = DocumentService(
            self.vectors, self.embedder, RagSettings(), self.clock, NoteMeter()
        )
        self.open(rag.endpoints(service))

    @property
    def stored(self) -> int:
        return sum(len(points) for points in self.vectors.points.values())


async def test_what_is_written_is_found_with_all_its_fields() -> None:
    it = Library()
    documents = [{"text": "red apples", "namespace": "n", "metadata": {"a": [True, None, 1.5]}}]
    written = await it.post(UPSERT, {"documents": documents, "batch_size": 64})
    assert written.status == 200
    assert {
        "status": "ok",
        "upserted": 1,
        "failed": 0,
        "errors": [],
    }.items() <= written.json.items()
    assert isinstance(written.json["processing_time_ms"], int)
    assert written.json["request_id"] == written.headers["x-request-id"]
    found = await it.post(SEARCH, {"query": "red apples", "namespace": "n"})
    assert found.json["status"] == "ok"
    (hit,) = found.json["result"]
    assert {
        "namespace": "n",
        "text": "red apples",
        "metadata": {"a": [True, None, 1.5]},
    }.items() <= (hit.items())
    assert hit["id"] == written.json["details"][0]["id"]
    assert hit["score"] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (SEARCH, {}, 422),
        (SEARCH, {"query": ""}, 422),
        (SEARCH, {"query": "   "}, 422),
        (SEARCH, {"query": None}, 422),
        (SEARCH, {"query": "x", "limit": 0}, 422),
        (SEARCH, {"query": "x", "limit": 101}, 422),
        (SEARCH, {"query": "x", "limit": -1}, 422),
        (SEARCH, {"query": "x", "limit": "x"}, 422),
        (SEARCH, {"query": "x", "limit": 100}, 200),
        (SEARCH, {"query": "x", "namespace": ""}, 422),
        (SEARCH, {"query": "x", "name_space": "n"}, 422),
        (SEARCH, {"vector": []}, 422),
        (SEARCH, {"vector": ["a"]}, 422),
        (SEARCH, {"vector": [1.0] * 5}, 400),
        (UPSERT, {}, 422),
        (UPSERT, {"documents": []}, 422),
        (UPSERT, {"documents": [{}]}, 422),
        (UPSERT, {"documents": [{"text": "x", "namespace": ""}]}, 422),
        (UPSERT, {"documents": [{"text": "x", "namespace": "n" * 201}]}, 422),
        (UPSERT, {"documents": [{"text": "x", "namespace": "n" * 200}]}, 200),
        (UPSERT, {"documents": [{"text": "x", "metadata": []}]}, 422),
        (UPSERT, {"documents": [{"text": "x", "tenant": "other"}]}, 422),
        (UPSERT, {"documents": [{"text": "x"}] * 101}, 422),
        (UPSERT, {"documents": [{"text": "x"}] * 100}, 200),
        (UPSERT, {"documents": [{"text": "x"}], "batch_size": 0}, 422),
        (UPSERT, {"documents": [{"text": "x"}], "batch_size": 129}, 422),
        (UPSERT, {"documents": [{"text": "x"}], "batch_size": 128}, 200),
        (UPSERT, {"documents": [{"vector": [1, 2, 3]}]}, 400),
    ],
)
async def test_a_body_ends_with_its_status(path: str, body: object, status: int) -> None:
    it = Library()
    answer = await it.post(path, body)
    assert answer.status == status
    if status != 200:
        assert it.stored == 0
        assert answer.error["message"]
    if status == 422:
        assert answer.error["type"] == "validation_error"


async def test_a_key_without_the_scope_is_403_and_nothing_is_written() -> None:
    it = Library(record_of(scopes=frozenset({Scope.RAG_READ})))
    assert (await it.post(UPSERT, {"documents": [{"text": "x"}]}, key=KEY)).status == 403
    assert (await it.post(SEARCH, {"query": "x"}, key=KEY)).status == 200
    assert (await it.post(SEARCH, {}, key=None)).status == 401
    assert it.stored == 0


async def test_a_key_keeps_to_its_namespaces() -> None:
    it = Library(record_of(scopes=BOTH, namespaces=("team-*",)))
    write = {"documents": [{"text": "x", "namespace": "team-a"}]}
    assert (await it.post(UPSERT, write, key=KEY)).status == 200
    mixed = {"documents": [*write["documents"], {"text": "y", "namespace": "other"}]}
    assert (await it.post(UPSERT, mixed, key=KEY)).status == 403
    assert (await it.post(SEARCH, {"query": "x", "namespace": "other"}, key=KEY)).status == 403
    assert (await it.post(SEARCH, {"query": "x", "namespace": "team-a"}, key=KEY)).status == 200
    assert it.stored == 1


async def test_a_key_sees_only_its_own_tenant() -> None:
    it = Library(record_of(scopes=BOTH, tenant="acme"))
    await it.post(UPSERT, {"documents": [{"text": "ours", "namespace": "n"}]}, key=KEY)
    await it.post(UPSERT, {"documents": [{"text": "theirs", "namespace": "n"}]})
    found = await it.post(SEARCH, {"query": "ours theirs", "namespace": "n"}, key=KEY)
    assert [hit["text"] for hit in found.json["result"]] == ["ours"]


async def test_what_is_down_is_named_by_its_role() -> None:
    it = Library()
    it.embedder.fault = Unreachable("down")
    answer = await it.post(SEARCH, {"query": "x"})
    assert (answer.status, answer.error["type"]) == (502, "embedding_unavailable")
    it.vectors.fault = DependencyError(
        "Qdrant", code="vector_store_unavailable", type_="vector_store_unavailable"
    )
    answer = await it.post(SEARCH, {"vector": [1.0]})
    assert (answer.status, answer.error["type"]) == (503, "vector_store_unavailable")
    assert "Qdrant" in answer.error["message"]
    assert int(answer.headers["retry-after"]) >= 1


async def test_a_get_is_405_and_says_what_is_allowed() -> None:
    answer = await Library().get(SEARCH)
    assert (answer.status, answer.headers["allow"]) == (405, "POST")
