"""Write documents and find them again: the use-cases behind `/v1/rag`."""

import logging
from collections.abc import Awaitable, Sequence
from typing import Any, TypeVar

from hx_gateway.core.clock import Clock
from hx_gateway.core.errors import Conflict, GatewayError, InvalidRequest, Unprocessable
from hx_gateway.core.ports import Collection, Embedder, Point, Vectors
from hx_gateway.core.principal import Principal
from hx_gateway.core.snapshot import RagSettings
from hx_gateway.rag.documents import (
    SearchAnswer,
    SearchBody,
    UpsertAnswer,
    UpsertBody,
    UpsertDetail,
)
from hx_gateway.rag.embedding import Embedding
from hx_gateway.rag.entry import (
    Entry,
    check_apart,
    check_name,
    check_vector,
    entry,
    found,
    visible,
)
from hx_gateway.rag.meter import RagMeter

# Engines count in 32 bits and leave out what just reaches a threshold: the same text again scores
# 0.99999994, and a threshold of 1 found nothing at all.
_ROUNDING = 1e-6
_log = logging.getLogger(__name__)
T = TypeVar("T")


class DocumentService:
    """Document search over one collection. The tenant always is the caller's own."""

    def __init__(
        self,
        vectors: Vectors,
        embedder: Embedder,
        settings: RagSettings,
        clock: Clock,
        meter: RagMeter,
    ) -> None:
        """Nothing is asked of the engine until the first call."""
        self._vectors = vectors
        self._embedding = Embedding(embedder, settings.dimension, clock, meter)
        self._settings = settings
        self._clock = clock
        self._meter = meter

    async def search(self, principal: Principal, body: SearchBody, request_id: str) -> SearchAnswer:
        """Find the nearest documents that the caller may see."""
        began = self._clock.monotonic()
        path = "vector" if body.vector is not None else "query"
        result, count, status = "error", 0, 500
        try:
            answer = await self._search(principal, body, request_id)
            result, count, status = "ok", len(answer.result), 200
        except GatewayError as error:
            status = error.http_status
            raise
        else:
            return answer
        finally:
            self._meter.searched(result, path)
            self._say("rag.search", request_id, body.namespace, count, status, began)

    async def _search(
        self, principal: Principal, body: SearchBody, request_id: str
    ) -> SearchAnswer:
        if (body.query is None) == (body.vector is None):
            raise Unprocessable("Give either 'query' or 'vector'.", param="query")
        if body.query is not None and not body.query.strip():
            raise Unprocessable("'query' is empty.", param="query")
        check_name(body.namespace, "namespace")
        collection = await self._find()
        vector = await self._vector_of(body, collection)
        if collection is None:
            return SearchAnswer(result=[], request_id=request_id)
        namespaces = _namespaces(principal, body.namespace)
        hits = await self._timed(
            "search",
            self._vectors.search(
                collection.name,
                vector,
                tenant=principal.tenant,
                where=visible(namespaces, self._clock.now()),
                limit=body.limit,
                score_threshold=_least(body.score_threshold),
            ),
        )
        return SearchAnswer(result=[found(hit) for hit in hits], request_id=request_id)

    async def _vector_of(self, body: SearchBody, collection: Collection | None) -> Sequence[float]:
        if body.vector is None:
            (vector,) = await self._embedding.embed([body.query or ""], collection, batch_size=1)
            return vector
        check_vector(body.vector, "vector")
        expected = collection.dimension if collection else await self._embedding.dimension()
        _check_dimension(body.vector, expected, "vector")
        return body.vector

    async def upsert(self, principal: Principal, body: UpsertBody, request_id: str) -> UpsertAnswer:
        """Write documents; nothing is written unless all of them are well formed and embedded."""
        began = self._clock.monotonic()
        result, count, status = "error", 0, 500
        try:
            entries = self._check(body)
            points = await self._points(principal.tenant, entries, body.batch_size)
            written, errors = await self._write(points, body.batch_size)
            result, count, status = "partial" if errors else "ok", written, 200
        except GatewayError as error:
            status = error.http_status
            raise
        finally:
            self._meter.upserted(result)
            spaces = sorted({document.space for document in body.documents})
            self._say("rag.upsert", request_id, ",".join(spaces), count, status, began)
        milliseconds = round((self._clock.monotonic() - began) * 1000)
        return UpsertAnswer(
            status="partial" if errors else "ok",
            upserted=written,
            failed=len(entries) - written,
            details=[_detail(each, is_written=each.index < written) for each in entries],
            errors=errors,
            request_id=request_id,
            processing_time_ms=milliseconds,
        )

    def _check(self, body: UpsertBody) -> list[Entry]:
        most = self._settings.max_documents
        if len(body.documents) > most:
            raise Unprocessable(
                f"At most {most} documents in one request; {len(body.documents)} were sent.",
                param="documents",
            )
        now = self._clock.now()
        entries = [entry(index, document, now) for index, document in enumerate(body.documents)]
        check_apart(entries)
        return entries

    async def _points(self, tenant: str, entries: list[Entry], batch_size: int) -> list[Point]:
        """Give each entry its vector; makes the collection when it is not there yet."""
        collection = await self._find()
        expected = collection.dimension if collection else await self._embedding.dimension()
        for each in entries:
            if each.document.vector is not None:
                name = f"documents[{each.index}].vector"
                expected = expected or len(each.document.vector)
                _check_dimension(each.document.vector, expected, name)
        texts = [each.document.text or "" for each in entries if each.document.vector is None]
        made = iter(await self._embedding.embed(texts, collection, batch_size=batch_size))
        vectors = [each.document.vector or next(made) for each in entries]
        if collection is None:
            await self._create(len(vectors[0]))
        return [each.point(tenant, v) for each, v in zip(entries, vectors, strict=True)]

    async def _create(self, dimension: int) -> None:
        name, model = self._settings.collection, self._embedding.model
        collection = Collection(name=name, model=model, dimension=dimension)
        await self._timed("create", self._vectors.create(collection))

    async def _write(self, points: list[Point], batch_size: int) -> tuple[int, list[str]]:
        """Write in steps; gives how many were written and what stopped it.

        Raises what the store raises when not even the first step was written.
        """
        for start in range(0, len(points), batch_size):
            step = points[start : start + batch_size]
            try:
                await self._timed("upsert", self._vectors.upsert(self._settings.collection, step))
            except GatewayError as error:
                if start == 0:
                    raise
                return start, [error.message]
        return len(points), []

    async def _find(self) -> Collection | None:
        """Find the collection; raises Conflict when it is not what the configuration says."""
        name, wanted = self._settings.collection, self._settings.dimension
        collection = await self._timed("collection", self._vectors.collection(name))
        if collection is not None and wanted not in {0, collection.dimension}:
            raise Conflict(
                f"The documents have {collection.dimension} dimensions, EMBEDDING_DIM says "
                f"{wanted}; set it right, or name another collection.",
                code="dimension_mismatch",
            )
        return collection

    async def _timed(self, op: str, work: Awaitable[T]) -> T:
        began = self._clock.monotonic()
        try:
            return await work
        finally:
            self._meter.vectors_used(op, self._clock.monotonic() - began)

    def _say(  # one line an operation, made of names and numbers only
        self,
        operation: str,
        request_id: str,
        namespace: str | None,
        count: int,
        status: int,
        began: float,
    ) -> None:
        fields: dict[str, Any] = {
            "event": operation,
            "request_id": request_id,
            "operation": operation,
            "namespace": namespace,
            "count": count,
            "status": status,
            "ms": round((self._clock.monotonic() - began) * 1000, 1),
        }
        _log.info(operation, extra={"fields": fields})


def _detail(each: Entry, *, is_written: bool) -> UpsertDetail:
    return UpsertDetail(
        index=each.index,
        id=each.id,
        namespace=each.document.space,
        status="upserted" if is_written else "failed",
    )


def _namespaces(principal: Principal, wanted: str | None) -> tuple[str, ...]:
    """Say which namespaces to search; the caller's right to `wanted` was checked at the door."""
    if wanted is not None:
        return (wanted,)
    if any("*" in name for name in principal.namespaces):
        raise Unprocessable(
            "This key reads namespaces by pattern; name the one to search.", param="namespace"
        )
    return principal.namespaces


def _least(score: float | None) -> float | None:
    return None if score is None else score - _ROUNDING


def _check_dimension(vector: Sequence[float], expected: int, name: str) -> None:
    """400, not 422: the value is well formed, but in conflict with what is stored."""
    if expected and len(vector) != expected:
        raise InvalidRequest(
            f"'{name}' has {len(vector)} dimensions; {expected} are needed.",
            param=name,
            code="dimension_mismatch",
        )
