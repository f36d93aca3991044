"""Ask only for those inputs of an embedding call whose vectors are not kept."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from hx_gateway.cache.answers import AnswerCache
from hx_gateway.cache.batch import Piece, divided, joined
from hx_gateway.cache.pace import Pace
from hx_gateway.cache.question import Part, Question
from hx_gateway.core import wire
from hx_gateway.core.call import Call
from hx_gateway.core.errors import DependencyError, Garbled
from hx_gateway.core.http import Response
from hx_gateway.core.route import Route
from hx_gateway.core.usage import Usage
from hx_gateway.pipeline.record import Record

Ask = Callable[[Call], Awaitable[Response]]


class Batch:
    """One call with several inputs, and what was answered to those that were asked for."""

    def __init__(
        self, cache: AnswerCache, question: Question, record: Record, route: Route
    ) -> None:
        """Nothing is asked yet."""
        self._cache = cache
        self._question = question
        self._record = record
        self._can_detour = _can_detour(question.call, route)
        self._fresh: list[tuple[Part, Piece]] = []
        self._kept_tokens = 0

    @property
    def usage(self) -> Usage | None:
        """What the whole answer says of its tokens, beside what was paid for now."""
        paid = self._record.usage
        return None if paid is None else Usage(input=paid.input + self._kept_tokens)

    async def ask(self, ask: Ask, *, looks: bool) -> Response:
        """Ask for what is missing and put it together with what is there; raises UpstreamError.

        Without `looks`, as when the store is away, everything is missing.
        """
        call, parts = self._question.call, self._question.parts
        kept = await self._kept() if looks and not self._can_detour else {}
        missing = [part for part in parts if part.name not in kept]
        if kept:
            rest = wire.raw([part.input for part in missing])
            call = msgspec.structs.replace(call, fields={**call.fields, "input": rest})
        response = await ask(call)
        pieces = await divided(response.body, [part.input for part in missing], Pace())
        if pieces is not None:
            self._fresh = list(zip(missing, pieces, strict=True))
        if not kept:
            return response
        if pieces is None:
            raise Garbled("The embedding model answered with another number of vectors.")
        known = kept | {part.name: piece.body for part, piece in self._fresh}
        response.body = await joined([known[part.name] for part in parts], Pace())
        return response

    async def keep(self) -> None:
        """Keep what was answered, each input for itself."""
        for part, piece in self._fresh:
            question = self._question.of(part)
            usage = None if piece.tokens is None else Usage(input=piece.tokens)
            entry = self._cache.entry(question, piece.body, None, usage, self._record.deployment)
            if entry is not None:
                await self._cache.keep(question, entry)
                await asyncio.sleep(0)  # a store at hand does not wait, but others do

    async def _kept(self) -> dict[str, bytes]:
        """Give what is there, by name; nothing when the store is away.

        Nothing, too, when all of it came to be there since we looked: then it is asked for again.
        """
        try:
            entries = await self._cache.find_parts(self._question)
        except DependencyError:
            return {}
        if None in entries:
            found = [each for each in entries if each is not None]
            self._kept_tokens = sum(each.usage.input for each in found if each.usage is not None)
            pairs = zip(self._question.parts, entries, strict=True)
            return {part.name: entry.body for part, entry in pairs if entry is not None}
        return {}


def _can_detour(call: Call, route: Route) -> bool:
    """Tell whether another model may answer: its vectors must not stand beside kept ones."""
    wishes = call.wishes
    return bool(
        route.fallbacks
        or route.context_window_fallbacks
        or route.content_policy_fallbacks
        or (
            wishes is not None
            and (
                wishes.fallbacks
                or wishes.context_window_fallbacks
                or wishes.content_policy_fallbacks
            )
        )
    )
