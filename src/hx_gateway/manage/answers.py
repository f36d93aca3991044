"""Look after the answer cache: does it work, what is removed from it."""

from collections.abc import Sequence

from hx_gateway.core.answers import Answers, KeptAnswers, NearAnswers, ServerInfo
from hx_gateway.core.errors import DependencyError
from hx_gateway.core.snapshot import CacheSettings

_ROLE = "answer cache"
_PROBE = "0" * 64
_PROBE_TENANT = "hx-gateway ping"


class AnswerKeeper:
    """What an operator does with the kept answers of one gateway."""

    def __init__(
        self, settings: CacheSettings, answers: Answers | None, near: NearAnswers | None = None
    ) -> None:
        """One of the two, as answers are found by name or by meaning; neither: nothing is kept."""
        self.settings = settings
        self._answers = answers
        self._kept: KeptAnswers | None = answers or near

    async def ping(self) -> None:
        """Keep an answer and get it back, where it is kept by name; raises DependencyError."""
        await self._found("cache_ping_error").ping()
        if self._answers is None:
            return
        await self._answers.put(_PROBE, _PROBE_TENANT.encode(), tenant=_PROBE_TENANT, ttl_s=10)
        if await self._answers.get(_PROBE, tenant=_PROBE_TENANT) is None:
            raise DependencyError(_ROLE, type_="cache_ping_error")

    async def delete(self, labels: Sequence[str]) -> int:
        """Remove answers by the keys that clients were shown; gives how many were there."""
        return await self._found("cache_error").delete(labels)

    async def flush(self) -> None:
        """Remove all answers of this gateway; what else is in the same store stays."""
        await self._found("cache_error").flush()

    async def describe(self) -> ServerInfo:
        """Ask the Redis in which answers are kept how it is; raises DependencyError."""
        found = await self._found("cache_error").describe()
        if found is None:
            text = "Answers are not kept in Redis."
            raise DependencyError(_ROLE, text, code="cache_not_in_redis", type_="cache_error")
        return found

    def _found(self, type_: str) -> KeptAnswers:
        if self._kept is None:
            raise DependencyError(
                _ROLE, "The answer cache is switched off.", code="cache_off", type_=type_
            )
        return self._kept
