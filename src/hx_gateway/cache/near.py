"""Look an answer up by what was meant: the nearest question of the same bucket, if near enough."""

import asyncio
import base64
import binascii
import logging
import uuid
from collections import OrderedDict
from collections.abc import Sequence

from hx_gateway.cache.entry import Entry, Found, sealed, unsealed
from hx_gateway.cache.question import Question
from hx_gateway.core.answers import answer_label
from hx_gateway.core.clock import Clock
from hx_gateway.core.errors import Conflict, GatewayError, NotFound
from hx_gateway.core.ports import (
    Collection,
    Embedder,
    Filter,
    Hit,
    Match,
    Point,
    Vectors,
)
from hx_gateway.core.snapshot import CacheSettings

_SPACE = uuid.UUID("0b7e7c1a-3a39-5c0a-9f67-1d0f8f1f6a52")
_KIND = "answer"
_MAX_PENDING = 1000  # vectors of questions whose answers are under way
_SWEEP_EVERY = 100  # keeps after which a tenant's expired answers are removed

_log = logging.getLogger(__name__)
Vector = tuple[float, ...]


class NearShelf:
    """A shelf on the vector engine. What must be equal is in the bucket, which the engine filters.

    The tenant is the engine's own condition as well as part of the bucket.
    """

    is_shared = False
    is_at_hand = False

    def __init__(
        self, vectors: Vectors, embedder: Embedder, settings: CacheSettings, clock: Clock
    ) -> None:
        """The collection is made when the first answer is kept."""
        self._vectors = vectors
        self._embedder = embedder
        self._settings = settings
        self._clock = clock
        self._pending: OrderedDict[str, Vector] = OrderedDict()
        self._is_made = False
        self._kept: dict[str, int] = {}

    async def find(self, question: Question) -> Found | None:
        """See `Shelf`. An engine or a model that does not answer in time has nothing."""
        alike = question.alike
        if alike is None:
            return None
        try:
            async with asyncio.timeout(self._settings.embedding_timeout):
                vector = await self._vector(question, alike.text)
                hits = await self._vectors.search(
                    self._settings.collection,
                    vector,
                    tenant=question.tenant,
                    where=_alive(alike.bucket, self._clock.now()),
                    limit=1,
                    score_threshold=self._settings.similarity_threshold,
                )
        except (GatewayError, TimeoutError) as error:
            _log.debug("nothing was looked up by meaning: %s", type(error).__name__)
            return None
        return _found(hits[0], question) if hits else None

    async def keep(self, question: Question, entry: Entry, ttl_s: float) -> None:
        """See `Shelf`."""
        alike = question.alike
        if alike is None:
            return
        try:
            vector = self._pending.pop(question.name, None) or await self._embed(alike.text)
            await self._make(len(vector))
            payload: dict[str, object] = {
                "tenant": question.tenant,
                "namespace": alike.bucket,
                "kind": _KIND,
                "id": question.name,
                "expires_at": self._clock.now() + ttl_s,
                "answer": base64.b64encode(sealed(entry)).decode(),
            }
            id_ = str(uuid.uuid5(_SPACE, answer_label(question.tenant, question.name)))
            point = Point(id=id_, vector=vector, payload=payload)
            await self._vectors.upsert(self._settings.collection, [point])
            await self._sweep(question.tenant)
        except NotFound:
            self._is_made = False  # somebody removed it; the next answer makes it again
        except Conflict:
            _log.warning(
                "answers cannot be kept: the collection %r is of another embedding model",
                self._settings.collection,
            )
        except GatewayError as error:
            _log.debug("an answer could not be kept: %s", type(error).__name__)

    async def claim(self, question: Question) -> bool:  # noqa: ARG002 - as the protocol has it
        """See `Shelf`: processes do not wait for one another."""
        return True

    async def release(self, question: Question) -> None:
        """See `Shelf`."""

    async def _vector(self, question: Question, text: str) -> Vector:
        vector = await self._embed(text)
        self._pending[question.name] = vector
        if len(self._pending) > _MAX_PENDING:
            self._pending.popitem(last=False)
        return vector

    async def _embed(self, text: str) -> Vector:
        (vector,) = await self._embedder.embed([text])
        return vector

    async def _make(self, dimension: int) -> None:
        if not self._is_made:
            name = self._settings.collection
            collection = Collection(name=name, model=self._embedder.model, dimension=dimension)
            await self._vectors.create(collection)
            self._is_made = True

    async def _sweep(self, tenant: str) -> None:
        """Remove what has expired, now and then: otherwise nobody would."""
        count = self._kept[tenant] = self._kept.get(tenant, 0) + 1
        if count % _SWEEP_EVERY == 0:
            old = Filter(must=(kept(), Match(key="expires_at", at_most=self._clock.now())))
            await self._vectors.delete(self._settings.collection, tenant=tenant, where=old)


def kept(labels: Sequence[str] | None = None) -> Filter:
    """Match kept answers, all of them or those with a label: nothing else of the collection."""
    own = Match(key="kind", values=(_KIND,))
    if labels is None:
        return Filter(must=(own,))
    names = tuple(label.partition("-")[2] for label in labels)
    return Filter(must=(own, Match(key="id", values=names)))


def _alive(bucket: str, now: float) -> Filter:
    return Filter(
        must=(Match(key="namespace", values=(bucket,)), Match(key="expires_at", at_least=now))
    )


def _found(hit: Hit, question: Question) -> Found | None:
    try:
        data = base64.b64decode(str(hit.payload.get("answer", "")), validate=True)
    except (binascii.Error, ValueError):
        return None
    entry = unsealed(data, tenant=question.tenant, dialect=question.call.dialect)
    if entry is None:
        _log.warning("a kept answer is damaged, or of another release; it is not used")
        return None
    label = answer_label(question.tenant, str(hit.payload.get("id", "")))
    return Found(entry=entry, label=label, similarity=hit.score)
