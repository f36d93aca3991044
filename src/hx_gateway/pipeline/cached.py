"""Look an answer up before anybody is asked, and keep what is worth keeping.

Equal calls at the same time are one call: the first is the leader, the others wait for its answer.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import msgspec

from hx_gateway.cache.answers import AnswerCache
from hx_gateway.cache.entry import Entry, Found
from hx_gateway.cache.flight import Flight
from hx_gateway.cache.lease import Lease
from hx_gateway.cache.question import Question
from hx_gateway.core.call import Call, Operation
from hx_gateway.core.chat import Chat
from hx_gateway.core.clock import Clock, Random
from hx_gateway.core.errors import DependencyError, GatewayError
from hx_gateway.core.event import Event, Used
from hx_gateway.core.http import JSON_TYPE, Response
from hx_gateway.core.principal import Principal
from hx_gateway.core.receipt import Ending
from hx_gateway.core.route import Route
from hx_gateway.core.tasks import spawn
from hx_gateway.dialects.registry import READERS, WAYS_IN
from hx_gateway.pipeline.batch import Batch
from hx_gateway.pipeline.record import Record
from hx_gateway.pipeline.recording import Recording
from hx_gateway.pipeline.replay import replay
from hx_gateway.pipeline.witness import Witness, can_be_streamed

Dispatch = Callable[[Call, Route, Record], Awaitable[Response]]
# A stream says the same in more bytes; what is longer in the end than an entry may be is not kept.
_STREAM_FACTOR = 16


class _Work(msgspec.Struct, kw_only=True):
    """One call that may be answered from the cache, and how it is answered otherwise.

    The leader has a flight that others wait for, and a lease that other processes wait for.
    """

    question: Question
    route: Route
    record: Record
    dispatch: Dispatch
    flight: Flight | None = None
    lease: Lease | None = None
    batch: Batch | None = None

    @property
    def is_awaited(self) -> bool:
        """Whether somebody else waits for the answer."""
        return self.flight is not None and self.flight.waiting > 0

    async def ask(self) -> Response:
        """Ask an upstream, of several inputs only for those that are new."""
        if self.batch is not None:
            looks = self.question.reads and not (self.lease is not None and self.lease.is_away)
            return await self.batch.ask(
                lambda call: self.dispatch(call, self.route, self.record), looks=looks
            )
        return await self.dispatch(self.question.call, self.route, self.record)


class CachedAnswers:
    """The answer cache on the way of a call. One for each snapshot."""

    def __init__(self, cache: AnswerCache, clock: Clock, random: Random) -> None:
        """Nothing is under way yet."""
        self._cache = cache
        self._clock = clock
        self._random = random
        self._flights: dict[str, Flight] = {}

    async def answer(
        self, call: Call, principal: Principal, route: Route, record: Record, dispatch: Dispatch
    ) -> Response:
        """Answer from the cache, or ask; raises GatewayError."""
        question = await self._cache.question(call, principal, route, _read)
        if question is None:
            return await dispatch(call, route, record)
        work = _Work(question=question, route=route, record=record, dispatch=dispatch)
        if question.parts:
            work.batch = Batch(self._cache, question, record, route)
        if not question.reads:
            return self._recorded(work, await work.ask())
        record.cache_hit = False
        flight = self._flights.get(question.name)
        if flight is not None:
            return await self._follow(flight, work)
        if call.form is not None or not question.writes:
            return await self._alone(work)
        if self._cache.shelf.is_at_hand and (response := await self._at_once(work)) is not None:
            return response
        return await self._lead(work)

    def concerns(self, call: Call) -> bool:
        """Say whether anything may be looked up or kept for a call."""
        return self._cache.concerns(call)

    async def _alone(self, work: _Work) -> Response:
        """Answer without a flight: what is not kept, or ends with its client as a form does."""
        if work.question.call.form is None:
            work.lease = Lease(self._cache, work.question, self._clock, self._random)
            return await self._given(await work.lease.find_or_take(), work)
        try:
            found = await self._cache.find(work.question)
        except DependencyError:
            found = None
        return await self._given(found, work)

    async def _at_once(self, work: _Work) -> Response | None:
        """Answer from a store at hand, without a flight; None when somebody has to be asked."""
        try:
            found = await self._cache.find(work.question)
        except DependencyError:
            return None
        if found is not None:
            return replay(found, work.question.call, work.record)
        flight = self._flights.get(work.question.name)  # it may have begun while we looked
        return None if flight is None else await self._follow(flight, work)

    async def _follow(self, flight: Flight, work: _Work) -> Response:
        limit_s, wishes = self._cache.settings.wait_s, work.question.call.wishes
        if wishes is not None:
            limit_s = min(limit_s, wishes.limit_s(stream=work.question.call.stream) or limit_s)
        found = await flight.wait(limit_s)
        if found is not None and not self._cache.suits(work.question, found):
            found = None
        return await self._given(found, work)

    async def _given(self, found: Found | None, work: _Work) -> Response:
        """Give what was found; without it, ask for ourselves."""
        response = None if found is None else replay(found, work.question.call, work.record)
        return response or self._recorded(work, await work.ask())

    async def _lead(self, work: _Work) -> Response:
        """Make the answer in a task of its own: others may want it when our client is gone."""
        flight = work.flight = self._flights[work.question.name] = Flight()
        task = spawn(self._fly(flight, work), name="cached call")
        flight.works(task)
        task.add_done_callback(partial(self._fallen, work))
        try:
            outcome = await asyncio.shield(task)
        except asyncio.CancelledError:
            work.record.goes_on = True
            flight.leave()
            if task.done() and not task.cancelled():
                await _close(task.result())
            raise
        if isinstance(outcome, GatewayError):
            raise outcome
        return outcome

    async def _fly(self, flight: Flight, work: _Work) -> Response | GatewayError:
        """Find or make the answer, and tell those who wait for it."""
        lease = work.lease = Lease(self._cache, work.question, self._clock, self._random)
        try:
            found = await lease.find_or_take()
            if found is not None:
                flight.land(found)
            response = await self._given(found, work)
            if found is not None:
                self._over(work)
        except GatewayError as error:
            work.record.failed(error)
            if work.question.call.wishes is None:  # else it may be but the leader's own time limit
                flight.fail(error)
            self._over(work)
            return error
        if flight.is_orphaned:
            await _close(response)
        return response

    def _fallen(self, work: _Work, task: "asyncio.Task[Response | GatewayError]") -> None:
        """Clean up after a flight that was stopped (perhaps before it began), or broke."""
        if task.cancelled():
            if not work.record.is_left:
                work.record.abandon()
            self._over(work)
        elif task.exception() is not None:
            self._over(work)

    def _recorded(self, work: _Work, response: Response) -> Response:
        """Keep an answer if it is worth it: a whole one now, a stream when it is complete."""
        reader = READERS.get(work.question.call.dialect)
        if response.chunks is None:
            self._land(work, self._whole(work, response))
        elif reader is not None:
            witness = Witness()
            response.chunks = Recording(
                response.chunks,
                reader.decoder(),
                witness,
                limit=_STREAM_FACTOR * self._cache.settings.max_entry_bytes,
                wanted=lambda: work.is_awaited,
                done=lambda events: self._land(work, self._streamed(work, events, witness)),
            )
        else:
            self._over(work)
        return response

    def _whole(self, work: _Work, response: Response) -> Entry | None:
        call, body = work.question.call, response.body
        if call.operation not in {Operation.CHAT, Operation.COMPLETE}:
            return self._entry(work, body, None, _media(response))
        try:
            events = READERS[call.dialect].decode(body)
        except (GatewayError, KeyError):
            return None
        entry = self._entry(work, body, events)
        if entry is None or can_be_streamed(body, events, call):
            return entry
        return msgspec.structs.replace(entry, streams=False)

    def _streamed(self, work: _Work, events: list[Event] | None, witness: Witness) -> Entry | None:
        record, call = work.record, work.question.call
        if events is None or record.ending is not Ending.COMPLETE:
            return None
        if record.usage is not None:  # it passed through here only if the client asked for it
            events = [event for event in events if type(event) is not Used]
            events.append(Used(usage=record.usage))
        entry = self._entry(work, WAYS_IN[call.dialect].render(events, call), events)
        return entry if entry is not None and witness.is_all_in(entry.body, call) else None

    def _entry(
        self, work: _Work, body: bytes, events: list[Event] | None, media: str | None = None
    ) -> Entry | None:
        record = work.record
        usage = record.usage if work.batch is None else work.batch.usage
        return self._cache.entry(work.question, body, events, usage, record.deployment, media)

    def _land(self, work: _Work, entry: Entry | None) -> None:
        """Give an answer to those who wait for it, and keep it.

        What a fallback answered is nobody else's: others may not be allowed that model, and the
        next call is to find its own again.
        """
        if entry is None or work.record.fallbacks or not work.question.writes:
            self._over(work)
            return
        if work.flight is not None:
            work.flight.land(self._cache.found(work.question, entry))
        _ = spawn(self._keep(work, entry), name="keep answer")

    async def _keep(self, work: _Work, entry: Entry) -> None:
        try:
            if work.batch is not None:
                await work.batch.keep()
            else:
                await self._cache.keep(work.question, entry)
        finally:
            self._over(work)

    def _over(self, work: _Work) -> None:
        """End the flight, if it was one; who still waits has to ask for himself."""
        flight, name = work.flight, work.question.name
        if flight is not None:
            flight.land(None)
            if self._flights.get(name) is flight:
                del self._flights[name]
        if work.lease is not None and work.lease.is_held:
            _ = spawn(work.lease.end(), name="give lease back")


def _media(response: Response) -> str | None:
    """Give the type of an answer that is not JSON, such as subtitles."""
    kinds = [value for name, value in response.headers if name == JSON_TYPE[0]]
    return kinds[0].decode("latin-1") if kinds and kinds[0] != JSON_TYPE[1] else None


async def _close(outcome: Response | GatewayError) -> None:
    """Let go of an answer that its client will not take; a recording reads on if others wait."""
    if isinstance(outcome, Response) and outcome.chunks is not None:
        await outcome.chunks.aclose()


def _read(call: Call) -> Chat | None:
    """Understand a chat, for a cache that compares prompts; None when it cannot be understood."""
    try:
        question = WAYS_IN[call.dialect].read(call)
    except (GatewayError, KeyError):
        return None
    return question if isinstance(question, Chat) else None
