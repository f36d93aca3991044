"""Among several processes, one asks: the others wait for the answer that it keeps."""

import asyncio
from contextlib import suppress

from hx_gateway.cache.answers import AnswerCache
from hx_gateway.cache.entry import Found
from hx_gateway.cache.exact import LEASE_S
from hx_gateway.cache.question import Question
from hx_gateway.core.clock import Clock, Random
from hx_gateway.core.errors import DependencyError
from hx_gateway.core.tasks import spawn

_FIRST_PAUSE_S = 0.02
_LONGEST_PAUSE_S = 0.25


class Lease:
    """The right to ask for one answer. It is renewed until given back; a dead process loses it."""

    def __init__(
        self, cache: AnswerCache, question: Question, clock: Clock, random: Random
    ) -> None:
        """Nothing is taken yet."""
        self._cache = cache
        self._question = question
        self._clock = clock
        self._random = random
        self._renewal: asyncio.Task[None] | None = None
        self.is_away = False  # the store did not answer

    @property
    def is_held(self) -> bool:
        """Whether other processes wait for us."""
        return self._renewal is not None

    async def find_or_take(self) -> Found | None:
        """Find the answer, wait for whoever is making it, or take the right to make it (None).

        Whoever waits too long goes on without that right, and so does everybody when the store
        does not answer: it is asked once, not three times.
        """
        try:
            return await self._find_or_take()
        except DependencyError:
            self.is_away = True
            return None

    async def _find_or_take(self) -> Found | None:
        cache, question = self._cache, self._question
        found = await cache.find(question)
        if found is not None or not cache.shelf.is_shared or not question.writes:
            return found
        pause = _FIRST_PAUSE_S
        until = self._clock.monotonic() + cache.settings.wait_s
        while not await cache.shelf.claim(question):
            if self._clock.monotonic() >= until:
                return None
            await self._clock.sleep(pause * (0.5 + self._random.random() / 2))
            pause = min(2 * pause, _LONGEST_PAUSE_S)
            if (found := await cache.find(question)) is not None:
                return found
        self._renewal = spawn(self._renew(), name="lease")
        # Somebody may have kept it between our look and our claim.
        found = await cache.find(question)
        if found is not None:
            await self.end()
        return found

    async def end(self) -> None:
        """Give the right back; safe to call twice, and without having it."""
        renewal, self._renewal = self._renewal, None
        if renewal is not None:
            renewal.cancel()
            await self._cache.shelf.release(self._question)

    async def _renew(self) -> None:
        while True:
            await self._clock.sleep(LEASE_S / 3)
            with suppress(DependencyError):  # the lease has time for two more attempts
                await self._cache.shelf.claim(self._question)
