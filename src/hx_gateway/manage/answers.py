"""Look after the answer cache: does it work, what is removed from it."""

from collections.abc import Sequence

from hx_gateway.cache.near import kept
from hx_gateway.core.answers import Answers
from hx_gateway.core.errors import DependencyError
from hx_gateway.core.ports import Vectors
from hx_gateway.core.snapshot import CacheSettings

_ROLE = "answer cache"
_PROBE = "0" * 64
_PROBE_TENANT = "hx-gateway ping"


class AnswerKeeper:
    """What an operator does with the kept answers of one gateway."""

    def __init__(
        self, settings: CacheSettings, answers: Answers | None, vectors: Vectors | None
    ) -> None:
        """`answers` is None when nothing is kept by name; by meaning, it is with the vectors."""
        self.settings = settings
        self._answers = answers
        self._vectors = vectors if settings.is_on and settings.is_semantic else None

    async def ping(self) -> None:
        """Keep an answer and get it back; raises DependencyError."""
        if self._vectors is not None:
            await self._vectors.ping()
            return
        answers = self._found("cache_ping_error")
        await answers.ping()
        await answers.put(_PROBE, _PROBE_TENANT.encode(), tenant=_PROBE_TENANT, ttl_s=10)
        if await answers.get(_PROBE, tenant=_PROBE_TENANT) is None:
            raise DependencyError(_ROLE, type_="cache_ping_error")

    async def delete(self, labels: Sequence[str]) -> int:
        """Remove answers by the keys that clients were shown; gives how many were there."""
        if self._vectors is not None:
            return await self._vectors.purge(self.settings.collection, where=kept(labels))
        return await self._found("cache_error").delete(labels)

    async def flush(self) -> None:
        """Remove all answers of this gateway; what else is in the same store stays."""
        if self._vectors is not None:
            await self._vectors.purge(self.settings.collection, where=kept())
            return
        await self._found("cache_error").flush()

    def _found(self, type_: str) -> Answers:
        if self._answers is None:
            raise DependencyError(
                _ROLE, "The answer cache is switched off.", code="cache_off", type_=type_
            )
        return self._answers
