"""Keep answers on the vector engine, where they are found by meaning."""

import base64
import binascii
import logging
import uuid
from collections.abc import Sequence

from hx_gateway.core.answers import Nearest, ServerInfo, answer_label
from hx_gateway.core.clock import Clock
from hx_gateway.core.errors import Conflict, NotFound
from hx_gateway.core.ports import Collection, Filter, Match, Point, Vectors

_SPACE = uuid.UUID("0b7e7c1a-3a39-5c0a-9f67-1d0f8f1f6a52")
_KIND = "answer"
_SWEEP_EVERY = 100  # keeps after which a tenant's expired answers are removed

_log = logging.getLogger(__name__)


class VectorAnswers:
    """Kept answers in one collection of the engine, which filters by tenant, bucket and time."""

    is_shared = False

    def __init__(self, vectors: Vectors, collection: str, model: str, clock: Clock) -> None:
        """The collection is made when the first answer is kept; `model` makes its vectors."""
        self._vectors = vectors
        self._collection = collection
        self._model = model
        self._clock = clock
        self._is_made = False
        self._kept: dict[str, int] = {}

    async def get(self, name: str, *, tenant: str) -> bytes | None:  # noqa: ARG002 - as the protocol has it
        """See `KeptAnswers`: a point is found by its vector only."""
        return None

    async def nearest(
        self, vector: Sequence[float], *, tenant: str, bucket: str, least: float
    ) -> Nearest | None:
        """See `NearAnswers`."""
        hits = await self._vectors.search(
            self._collection,
            vector,
            tenant=tenant,
            where=_alive(bucket, self._clock.now()),
            limit=1,
            score_threshold=least,
        )
        if not hits:
            return None
        try:
            value = base64.b64decode(str(hits[0].payload.get("answer", "")), validate=True)
        except (binascii.Error, ValueError):
            value = b""  # no answer, and said so where answers are read
        label = str(hits[0].payload.get("id", ""))
        return Nearest(label=label, value=value, similarity=hits[0].score)

    async def put(
        self,
        name: str,
        value: bytes,
        vector: Sequence[float],
        *,
        tenant: str,
        bucket: str,
        ttl_s: float,
    ) -> None:
        """See `NearAnswers`."""
        label = answer_label(tenant, name)
        payload: dict[str, object] = {
            "tenant": tenant,
            "namespace": bucket,
            "kind": _KIND,
            "id": label,
            "expires_at": self._clock.now() + ttl_s,
            "answer": base64.b64encode(value).decode(),
        }
        point = Point(id=str(uuid.uuid5(_SPACE, label)), vector=tuple(vector), payload=payload)
        try:
            await self._make(len(vector))
            await self._vectors.upsert(self._collection, [point])
            await self._sweep(tenant)
        except NotFound:
            self._is_made = False  # somebody removed it; the next answer makes it again
        except Conflict:
            _log.warning(
                "answers cannot be kept: the collection %r is of another embedding model",
                self._collection,
            )

    async def delete(self, labels: Sequence[str]) -> int:
        """See `KeptAnswers`."""
        where = _kept(Match(key="id", values=tuple(labels)))
        return await self._vectors.purge(self._collection, where=where)

    async def flush(self) -> None:
        """See `KeptAnswers`: nothing else of the collection goes."""
        await self._vectors.purge(self._collection, where=_kept())

    async def lease(self, name: str, *, tenant: str, holder: str, ttl_s: float) -> bool:  # noqa: ARG002
        """See `KeptAnswers`: processes do not wait for one another."""
        return True

    async def release(self, name: str, *, tenant: str, holder: str) -> None:
        """See `KeptAnswers`."""

    async def ping(self) -> None:
        """See `KeptAnswers`."""
        await self._vectors.ping()

    async def can_search(self) -> bool:
        """See `NearAnswers`."""
        return True

    async def describe(self) -> ServerInfo | None:
        """See `KeptAnswers`."""
        return None

    async def aclose(self) -> None:
        """See `KeptAnswers`; the engine is not ours to close."""

    async def _make(self, dimension: int) -> None:
        if not self._is_made:
            collection = Collection(name=self._collection, model=self._model, dimension=dimension)
            await self._vectors.create(collection)
            self._is_made = True

    async def _sweep(self, tenant: str) -> None:
        """Remove what has expired, now and then: otherwise nobody would."""
        count = self._kept[tenant] = self._kept.get(tenant, 0) + 1
        if count % _SWEEP_EVERY == 0:
            old = _kept(Match(key="expires_at", at_most=self._clock.now()))
            await self._vectors.delete(self._collection, tenant=tenant, where=old)


def _kept(*conditions: Match) -> Filter:
    """Match kept answers for which something holds: nothing else of the collection."""
    return Filter(must=(Match(key="kind", values=(_KIND,)), *conditions))


def _alive(bucket: str, now: float) -> Filter:
    return Filter(
        must=(Match(key="namespace", values=(bucket,)), Match(key="expires_at", at_least=now))
    )
