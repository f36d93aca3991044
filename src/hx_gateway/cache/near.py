"""Look an answer up by what was meant: the nearest question of the same bucket, if near enough."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Sequence

from hx_gateway.cache.entry import Entry, Found, sealed, unsealed
from hx_gateway.cache.exact import LEASE_S, holder_name
from hx_gateway.cache.question import Question
from hx_gateway.core.answers import NearAnswers, answer_label
from hx_gateway.core.errors import DependencyError, GatewayError
from hx_gateway.core.ports import Embedder
from hx_gateway.core.snapshot import CacheSettings

_MAX_PENDING = 1000  # vectors of questions whose answers are under way

_log = logging.getLogger(__name__)
Vector = tuple[float, ...]


class NearShelf:
    """A shelf of answers that are compared by vectors. What must be equal is in the bucket.

    The tenant is the store's own condition as well as part of the bucket.
    """

    is_at_hand = False

    def __init__(self, answers: NearAnswers, embedder: Embedder, settings: CacheSettings) -> None:
        """`answers` outlives it."""
        self._answers = answers
        self._embedder = embedder
        self._settings = settings
        self._pending: OrderedDict[str, Vector] = OrderedDict()
        self._process = holder_name()
        self.is_shared = answers.is_shared

    async def find(self, question: Question) -> Found | None:
        """See `Shelf`. A model that does not answer in time has nothing, nor has a lame search."""
        if question.alike is None:
            return None
        same = await self._answers.get(question.name, tenant=question.tenant)
        if same is not None:
            label = answer_label(question.tenant, question.name)
            return _found(same, label, 1.0, question)
        try:
            async with asyncio.timeout(self._settings.embedding_timeout):
                near = await self._answers.nearest(
                    await self._vector(question.name, question.alike.text),
                    tenant=question.tenant,
                    bucket=question.alike.bucket,
                    least=self._settings.similarity_threshold,
                )
        except (GatewayError, TimeoutError) as error:
            _log.debug("nothing was looked up by meaning: %s", type(error).__name__)
            return None
        return None if near is None else _found(near.value, near.label, near.similarity, question)

    async def find_all(self, questions: Sequence[Question]) -> list[Found | None]:
        """See `Shelf`."""
        return [await self.find(question) for question in questions]

    async def keep(self, question: Question, entry: Entry, ttl_s: float) -> None:
        """See `Shelf`."""
        alike = question.alike
        if alike is None:
            return
        try:
            vector = await self._vector(question.name, alike.text)
            await self._answers.put(
                question.name,
                sealed(entry),
                vector,
                tenant=question.tenant,
                bucket=alike.bucket,
                ttl_s=ttl_s,
            )
        except GatewayError as error:
            _log.debug("an answer could not be kept: %s", type(error).__name__)
        finally:
            self._pending.pop(question.name, None)

    async def claim(self, question: Question) -> bool:
        """See `Shelf`: who asks exactly the same waits; what is only alike is asked twice."""
        return await self._answers.lease(
            question.name, tenant=question.tenant, holder=self._process, ttl_s=LEASE_S
        )

    async def release(self, question: Question) -> None:
        """See `Shelf`."""
        try:
            await self._answers.release(question.name, tenant=question.tenant, holder=self._process)
        except DependencyError:
            _log.debug("a lease could not be given back; it ends by itself")

    async def _vector(self, name: str, text: str) -> Vector:
        """Embed a question once, however often it is looked up until its answer is kept."""
        vector = self._pending.get(name)
        if vector is None:
            (vector,) = await self._embedder.embed([text])
            self._pending[name] = vector
            if len(self._pending) > _MAX_PENDING:
                self._pending.popitem(last=False)
        return vector


def _found(data: bytes, label: str, similarity: float, question: Question) -> Found | None:
    entry = unsealed(data, tenant=question.tenant, dialect=question.call.dialect)
    if entry is None:
        _log.warning("a kept answer is damaged, or of another release; it is not used")
        return None
    return Found(entry=entry, label=label, similarity=similarity)
