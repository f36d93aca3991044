"""Writing and finding documents, by the acceptance cases RS and RU."""

import logging
from typing import Any

import pytest
from tests.support.clock import FakeClock
from tests.support.rag import HashEmbedder, MemoryVectors, NoteMeter

from hx_gateway.core.errors import (
    Conflict,
    DependencyError,
    GatewayError,
    InvalidRequest,
    Unprocessable,
    Unreachable,
)
from hx_gateway.core.principal import Principal, Scope
from hx_gateway.core.snapshot import RagSettings
from hx_gateway.rag.documents import Document, SearchBody, UpsertBody
from hx_gateway.rag.service import DocumentService

CALLER = Principal(key_id="k", scopes=frozenset({Scope.RAG_WRITE, Scope.RAG_READ}), tenant="t")
AWAY = DependencyError("Qdrant", code="vector_store_unavailable", type_="vector_store_unavailable")


class Desk:
    """The service with everything around it at hand."""

    def __init__(self, **settings: Any) -> None:
        self.vectors = MemoryVectors()
        self.embedder = HashEmbedder()
        self.clock = FakeClock()
        self.meter = NoteMeter()
        self.service = DocumentService(
            self.vectors, self.embedder, RagSettings(**settings), self.clock, self.meter
        )

    async def upsert(self, *documents: Document, batch_size: int = 32, **caller: Any) -> Any:
        body = UpsertBody(documents=list(documents), batch_size=batch_size)
        return await self.service.upsert(principal(**caller), body, "r-1")

    async def search(self, query: str | None = None, **more: Any) -> list[Any]:
        caller = more.pop("caller", {})
        body = SearchBody(query=query, **more)
        return (await self.service.search(principal(**caller), body, "r-1")).result

    @property
    def stored(self) -> int:
        return len(self.vectors.points.get("documents", {}))


def principal(**changes: Any) -> Principal:
    known: dict[str, Any] = {"key_id": "k", "scopes": CALLER.scopes, "tenant": "t"}
    return Principal(**{**known, **changes})


async def test_searching_before_anything_was_written_finds_nothing() -> None:
    assert await Desk().search("hello world", limit=3) == []


async def test_a_document_is_found_by_its_own_text_first() -> None:
    desk = Desk()
    texts = ("red apples grow", "green pears fall", "blue plums rot")
    await desk.upsert(*(Document(text=text, namespace="n", metadata={"t": text}) for text in texts))
    hits = await desk.search("green pears fall", namespace="n", limit=3)
    assert (hits[0].text, hits[0].namespace, hits[0].metadata) == (texts[1], "n", {"t": texts[1]})
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


async def test_a_vector_search_asks_no_model() -> None:
    desk = Desk(dimension=2)
    await desk.upsert(Document(vector=[1.0, 0.0], id="a"))
    assert [hit.id for hit in await desk.search(vector=[1.0, 0.0])] == ["a"]
    assert desk.embedder.asked == []


@pytest.mark.parametrize(
    "more", [{}, {"query": ""}, {"query": "  "}, {"query": "x", "vector": [1.0]}]
)
async def test_a_search_needs_one_thing_to_look_for(more: dict[str, Any]) -> None:
    with pytest.raises(Unprocessable):
        await Desk().search(**more)


@pytest.mark.parametrize("is_there", [True, False])
async def test_a_vector_of_another_length_is_400_with_both_lengths(is_there: bool) -> None:
    desk = Desk()
    if is_there:
        await desk.upsert(Document(text="x"))
    with pytest.raises(InvalidRequest) as caught:
        await desk.search(vector=[1.0] * 5)
    assert caught.value.http_status == 400
    assert "5" in caught.value.message
    assert "32" in caught.value.message


async def test_five_hits_are_the_default() -> None:
    desk = Desk()
    await desk.upsert(*(Document(text=f"apple {n}") for n in range(8)))
    assert len(await desk.search("apple")) == 5


async def test_a_threshold_leaves_out_what_is_far() -> None:
    desk = Desk()
    await desk.upsert(Document(text="apple"), Document(text="submarine"))
    assert [hit.text for hit in await desk.search("apple", score_threshold=0.9)] == ["apple"]


async def test_a_threshold_is_reached_by_what_is_as_near_as_that() -> None:
    """A threshold of 1 found nothing: engines round, and leave out what just reaches it."""
    desk = Desk()
    await desk.upsert(Document(text="apple"), Document(text="submarine"))
    assert [hit.text for hit in await desk.search("apple", score_threshold=1)] == ["apple"]


async def test_namespaces_and_tenants_are_apart() -> None:
    desk = Desk()
    await desk.upsert(Document(text="apple", namespace="a"), Document(text="apple", namespace="b"))
    await desk.upsert(Document(text="apple", namespace="a"), tenant="other")
    assert desk.stored == 3
    assert len(await desk.search("apple", namespace="a")) == 1
    assert len(await desk.search("apple")) == 2
    assert len(await desk.search("apple", caller={"tenant": "third"})) == 0


async def test_a_blank_namespace_is_refused() -> None:
    with pytest.raises(Unprocessable):
        await Desk().search("apple", namespace="  ")


async def test_a_key_for_some_namespaces_searches_only_those() -> None:
    desk = Desk()
    await desk.upsert(Document(text="apple", namespace="a"), Document(text="apple", namespace="b"))
    hits = await desk.search("apple", caller={"namespaces": ("b", "c")})
    assert [hit.namespace for hit in hits] == ["b"]
    with pytest.raises(Unprocessable):
        await desk.search("apple", caller={"namespaces": ("b*",)})


async def test_an_expired_document_is_not_found_before_it_is_swept() -> None:
    desk = Desk()
    await desk.upsert(
        Document(text="apple one", metadata={"ttl_days": 1}), Document(text="apple two")
    )
    assert len(await desk.search("apple")) == 2
    desk.clock.advance(86_401)
    assert [hit.text for hit in await desk.search("apple")] == ["apple two"]


async def test_an_upsert_reports_what_it_did() -> None:
    desk = Desk()
    answer = await desk.upsert(Document(text="a"), Document(text="b", id="mine"), batch_size=64)
    assert (answer.status, answer.upserted, answer.failed, answer.errors) == ("ok", 2, 0, [])
    assert [(d.index, d.status) for d in answer.details] == [(0, "upserted"), (1, "upserted")]
    assert answer.details[1].id == "mine"
    assert (answer.request_id, answer.processing_time_ms) == ("r-1", 0)


async def test_repeating_an_upsert_changes_nothing() -> None:
    desk = Desk()
    for _ in range(2):
        await desk.upsert(
            Document(text="a"), Document(vector=[1.0] * 32), Document(text="b", id="i")
        )
    assert desk.stored == 3


@pytest.mark.parametrize("before", [0, 1])
async def test_one_vector_of_the_wrong_length_writes_nothing(before: int) -> None:
    desk = Desk()
    for _ in range(before):
        await desk.upsert(Document(text="first"))
    with pytest.raises(InvalidRequest) as caught:
        await desk.upsert(Document(text="good"), Document(vector=[1.0, 2.0, 3.0]))
    assert desk.stored == before
    assert "3" in caught.value.message
    assert "32" in caught.value.message


async def test_the_number_of_documents_is_bounded_by_the_setting() -> None:
    desk = Desk(max_documents=3)
    documents = [Document(text=f"{n}") for n in range(4)]
    assert (await desk.upsert(*documents[:3])).upserted == 3
    with pytest.raises(Unprocessable):
        await desk.upsert(*documents)


async def test_a_given_vector_is_stored_with_the_text_and_not_embedded() -> None:
    desk = Desk()
    await desk.upsert(Document(text="seed"))
    asked = len(desk.embedder.asked)
    await desk.upsert(Document(text="a text", vector=[0.0] * 31 + [1.0]))
    assert len(desk.embedder.asked) == asked
    assert (await desk.search(vector=[0.0] * 31 + [1.0]))[0].text == "a text"


async def test_without_the_model_texts_fail_and_vectors_are_found() -> None:
    desk = Desk()
    await desk.upsert(Document(vector=[1.0] * 32, id="v"))
    desk.embedder.fault = Unreachable("down")
    for call in (desk.search("x"), desk.upsert(Document(text="x"))):
        with pytest.raises(DependencyError) as caught:
            await call
        assert caught.value.error_type == "embedding_unavailable"
    assert [hit.id for hit in await desk.search(vector=[1.0] * 32)] == ["v"]
    assert desk.stored == 1


async def test_a_store_that_is_away_is_said_to_be() -> None:
    desk = Desk()
    desk.vectors.fault = AWAY
    for call in (desk.search("x"), desk.upsert(Document(text="x"))):
        with pytest.raises(DependencyError) as caught:
            await call
        assert caught.value.error_type == "vector_store_unavailable"
        assert caught.value.retry_after_s is not None


async def test_a_store_that_fails_on_the_way_leaves_an_honest_count() -> None:
    desk = Desk()
    await desk.upsert(Document(text="seed"))
    desk.vectors.fault, desk.vectors.writes_left = AWAY, 2
    documents = [Document(text=f"text {n}") for n in range(5)]
    answer = await desk.upsert(*documents, batch_size=2)
    assert (answer.status, answer.upserted, answer.failed) == ("partial", 4, 1)
    assert [detail.status for detail in answer.details] == ["upserted"] * 4 + ["failed"]
    assert answer.errors == [AWAY.message]
    assert desk.stored == 5


async def test_the_first_write_pins_the_model_and_its_dimension() -> None:
    desk = Desk()
    await desk.upsert(Document(vector=[1.0] * 32))
    made = desk.vectors.collections["documents"]
    assert (made.model, made.dimension) == ("hash", 32)


async def test_a_collection_of_another_dimension_than_configured_is_refused() -> None:
    """EMBEDDING_DIM was a guard for the first document only."""
    desk = Desk()
    await desk.upsert(Document(text="apple"))
    size = desk.vectors.collections["documents"].dimension
    for dimension, is_fine in ((0, True), (size, True), (size + 1, False)):
        other = Desk(dimension=dimension)
        other.vectors = desk.vectors
        other.service = DocumentService(
            desk.vectors, other.embedder, RagSettings(dimension=dimension), other.clock, other.meter
        )
        if is_fine:
            assert len(await other.search("apple")) == 1
            continue
        for work in (other.search("apple"), other.search(vector=[1.0] * size)):
            with pytest.raises(Conflict) as caught:
                await work
            assert str(size) in caught.value.message
            assert str(size + 1) in caught.value.message


async def test_what_was_done_is_counted_and_timed() -> None:
    desk = Desk()
    await desk.upsert(Document(text="x"))
    await desk.search("x")
    await desk.search(vector=[1.0] * 32)
    for call in (desk.search(""), desk.upsert(Document())):
        with pytest.raises(GatewayError):
            await call
    assert desk.meter.searches == [("ok", "query"), ("ok", "vector"), ("error", "query")]
    assert desk.meter.upserts == ["ok", "error"]
    assert {"collection", "create", "upsert", "search"} == set(desk.meter.operations)
    assert desk.meter.embeddings == 3  # the dimension, the document, the query


async def test_each_operation_leaves_one_line_without_texts(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    desk = Desk()
    await desk.upsert(Document(text="secret", namespace="n"), Document(text="b", namespace="n"))
    with pytest.raises(Unprocessable):
        await desk.search(" ")
    first, second = (record.fields for record in caplog.records)  # type: ignore[attr-defined]
    assert first == {
        "event": "rag.upsert",
        "request_id": "r-1",
        "operation": "rag.upsert",
        "namespace": "n",
        "count": 2,
        "status": 200,
        "ms": 0.0,
    }
    assert (second["operation"], second["status"], second["count"]) == ("rag.search", 422, 0)
    assert "secret" not in caplog.text
