"""Look an answer up by its exact name."""

import logging
import secrets
from collections.abc import Sequence
from typing import Protocol

from hx_gateway.cache.entry import Entry, Found, sealed, unsealed
from hx_gateway.cache.pace import Pace
from hx_gateway.cache.question import Question
from hx_gateway.core.answers import Answers, answer_label
from hx_gateway.core.errors import DependencyError

LEASE_S = 15.0  # how long a dead process keeps the others from asking

_log = logging.getLogger(__name__)


class Shelf(Protocol):
    """Where answers are looked up and kept.

    `find` and `claim` raise DependencyError when it does not answer; the others never raise.
    `is_shared`: other processes see it. `is_at_hand`: looking costs next to nothing.
    """

    is_shared: bool
    is_at_hand: bool

    async def find(self, question: Question) -> Found | None:
        """Find a kept answer; its age is the caller's to judge."""
        ...

    async def find_all(self, questions: Sequence[Question]) -> list[Found | None]:
        """Find kept answers to questions of one tenant."""
        ...

    async def keep(self, question: Question, entry: Entry, ttl_s: float) -> None:
        """Keep an answer."""
        ...

    async def claim(self, question: Question) -> bool:
        """Take or renew the right to ask for an answer; False when somebody else has it."""
        ...

    async def release(self, question: Question) -> None:
        """Give that right back."""
        ...


class ExactShelf:
    """A shelf whose answers belong to one question each."""

    def __init__(self, answers: Answers) -> None:
        """`answers` outlives it."""
        self._answers = answers
        self.is_shared = answers.is_shared
        self.is_at_hand = not answers.is_shared
        self._process = holder_name()

    async def find(self, question: Question) -> Found | None:
        """See `Shelf`. A damaged entry is none."""
        data = await self._answers.get(question.name, tenant=question.tenant)
        return None if data is None else _found(data, question)

    async def find_all(self, questions: Sequence[Question]) -> list[Found | None]:
        """See `Shelf`."""
        if not questions:
            return []
        names = [question.name for question in questions]
        kept = await self._answers.get_all(names, tenant=questions[0].tenant)
        found: list[Found | None] = []
        pace = Pace()
        for data, question in zip(kept, questions, strict=True):
            found.append(None if data is None else _found(data, question))
            await pace.did(len(data or b""))
        return found

    async def keep(self, question: Question, entry: Entry, ttl_s: float) -> None:
        """See `Shelf`."""
        data = sealed(entry)
        try:
            await self._answers.put(question.name, data, tenant=question.tenant, ttl_s=ttl_s)
        except DependencyError:
            _log.debug("an answer could not be kept")

    async def claim(self, question: Question) -> bool:
        """See `Shelf`."""
        return await self._answers.lease(
            question.name, tenant=question.tenant, holder=self._process, ttl_s=LEASE_S
        )

    async def release(self, question: Question) -> None:
        """See `Shelf`."""
        try:
            await self._answers.release(question.name, tenant=question.tenant, holder=self._process)
        except DependencyError:
            _log.debug("a lease could not be given back; it ends by itself")


def _found(data: bytes, question: Question) -> Found | None:
    entry = unsealed(data, tenant=question.tenant, dialect=question.call.dialect)
    if entry is None:
        _log.warning("a kept answer is damaged, or of another release; it is not used")
        return None
    return Found(entry=entry, label=answer_label(question.tenant, question.name))


def holder_name() -> str:
    """Give this process a name that no other has, by which it holds leases."""
    return secrets.token_hex(8)
