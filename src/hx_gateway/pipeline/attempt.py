"""One attempt: a call, a deployment, and either an answer that has begun or a fault."""

import asyncio
from collections.abc import Awaitable, Coroutine, Mapping
from typing import Any

import msgspec

from hx_gateway.adapter.request import Lanes, Prepared
from hx_gateway.core.call import Call
from hx_gateway.core.clock import Clock
from hx_gateway.core.errors import Garbled, TimedOut, UpstreamError
from hx_gateway.core.event import Used
from hx_gateway.core.http import (
    JSON_TYPE,
    SSE_TYPE,
    Deadlines,
    Exchange,
    Header,
    Response,
    Sender,
    header_lines,
)
from hx_gateway.core.provider import WayIn
from hx_gateway.core.receipt import Ending
from hx_gateway.core.route import Deployment
from hx_gateway.core.usage import usd
from hx_gateway.core.wire import is_utf8
from hx_gateway.pipeline.canned import canned_events
from hx_gateway.pipeline.conceal import conceal
from hx_gateway.pipeline.drain import Drainer
from hx_gateway.pipeline.places import enter
from hx_gateway.pipeline.quota import Quota
from hx_gateway.pipeline.record import Flown, Record
from hx_gateway.pipeline.reply import Canned, Reply, Translation
from hx_gateway.pipeline.watchdog import Watchdog, fault_of
from hx_gateway.routing.health import Health, Vitals
from hx_gateway.routing.plan import NEVER, Plan, Try
from hx_gateway.routing.stall import Waiting

_UNCACHED: Header = (b"cache-control", b"no-cache")
MAX_NAMED = 4096
MAX_COMPLAINT = 256 * 1024


class Attempter:
    """Asks one deployment at a time, and tells the health book how it went."""

    def __init__(
        self,
        *,
        sender: Sender,
        health: Health,
        clock: Clock,
        ways_in: Mapping[str, WayIn],
        drainer: Drainer,
        watchdog: Watchdog | None = None,
        quota: Quota | None = None,
    ) -> None:
        """Put the parts together; all of them outlive a call."""
        self._drainer = drainer
        self._watchdog = watchdog
        self._quota = quota
        self._sender = sender
        self._health = health
        self._clock = clock
        self._ways_in = ways_in
        self._prepare = Lanes().prepare
        self._stream_deadlines: dict[str, Deadlines] = {}
        self._named: dict[tuple[str, str, bool, int, int], bytes] = {}

    @property
    def is_plain(self) -> bool:
        """Whether there are no limits to be looked at before a deployment is asked."""
        return self._quota is None

    def attempt(
        self, call: Call, step: Try, record: Record, plan: Plan | None = None
    ) -> Coroutine[Any, Any, Response]:
        """Ask one deployment; raises UpstreamError (noted) when it does not answer properly.

        With a plan there may be somebody else to ask, so it is watched that this one answers.
        """
        if step.deployment.canned is not None:
            return self._canned(call, step, step.deployment.canned, record, plan)
        work = self._attempt(call, step, record, plan)
        seconds = step.deployment.on_disconnect.drain_s
        return self._drainer.outlive(work, record, seconds) if seconds else work

    async def _attempt(self, call: Call, step: Try, record: Record, plan: Plan | None) -> Response:
        deployment = step.deployment
        vitals = self._health.of(deployment)
        flight, record.flight = record.flight, None  # what the fast path sent is asked already
        if self._quota is not None or deployment.max_parallel is not None:
            await enter(deployment, vitals, self._clock, self._quota, plan)
        began = _begin(step, record, vitals, flight)
        waiting = None if plan is None else self._watch(call, step, began, plan)
        exchange: Exchange | None = None
        has_begun = False  # a stream that began keeps the exchange and its place
        try:
            prepared = self._prepare(call, deployment)
            deadlines = self._deadlines(deployment, call, until := until_of(call, record, plan))
            exchange = await self._ask(deployment, prepared, deadlines, flight)
            if not 200 <= exchange.status < 300:
                await raise_fault(exchange, prepared)
            if call.stream:
                response = await self._stream(call, exchange, prepared, record, vitals, until)
                has_begun = True
            else:
                response = self._whole(call, await exchange.read(), prepared, record, vitals)
        except UpstreamError as fault:
            self._note(fault, step, record)
            raise
        except asyncio.CancelledError:
            self._note_cancelled(waiting, step, record)
            raise
        finally:
            if waiting is not None:
                waiting.end()
            if not has_begun:
                _let_go(vitals, exchange)
        return response

    def _ask(
        self,
        deployment: Deployment,
        prepared: Prepared,
        deadlines: Deadlines,
        flight: Flown | None,
    ) -> Awaitable[Exchange]:
        if flight is not None:
            return flight.exchange(deadlines)
        return self._sender.send(deployment.origin, prepared.request, deadlines)

    def _watch(self, call: Call, step: Try, began: float, plan: Plan) -> Waiting | None:
        if self._watchdog is None:
            return None
        return self._watchdog.begin(step, began, plan.has_elsewhere, stream=call.stream)

    def _note(self, fault: UpstreamError, step: Try, record: Record) -> None:
        conceal(fault, step.deployment)
        now = self._clock.monotonic()
        record.tried(now, fault.error_code or fault.error_type)
        self._health.failed(step.deployment, now, fault, alone=step.route.is_alone)

    def _note_cancelled(self, waiting: Waiting | None, step: Try, record: Record) -> None:
        """Raise what it was cancelled for when that is a deployment that hangs, noted as such."""
        stalled = fault_of(waiting)
        if stalled is None:
            self._health.untold(step.deployment)
            return
        self._note(stalled, step, record)
        raise stalled from None

    def _whole(
        self, call: Call, body: bytes, prepared: Prepared, record: Record, vitals: Vitals
    ) -> Response:
        if prepared.relayed:
            usage = prepared.out.usage(body)
            if not is_utf8(body):
                raise Garbled("The upstream's answer is not UTF-8.")
        else:
            events = prepared.out.decode(body)
            usage = next((e.usage for e in reversed(events) if type(e) is Used), None)
            body = self._ways_in[call.dialect].render(events, call)
        record.used(usage)
        now = self._clock.monotonic()
        tokens = 0 if usage is None else usage.output
        vitals.succeeded(now, record.tried(now), tokens=tokens)
        headers = said_of(prepared.changed, record)
        record.settle(Ending.COMPLETE, status=200)
        return Response(200, body, headers, lines=self._lines(call, record))

    async def _stream(
        self,
        call: Call,
        exchange: Exchange,
        prepared: Prepared,
        record: Record,
        vitals: Vitals,
        until: float,
    ) -> Response:
        way_in = self._ways_in[call.dialect]
        passage = (
            prepared.out.relay(wants_usage=call.wants_usage)
            if prepared.relayed
            else Translation(prepared.out.decoder(), way_in.writer(call))
        )
        reply = Reply(exchange, passage, way_in, record, vitals.release)
        if call.wishes is None or until == NEVER:
            await reply.begin()
        else:
            await _begin_in_time(reply, until - self._clock.monotonic())
        now = self._clock.monotonic()
        vitals.succeeded(now, record.tried(now), stream=True)
        headers = said_of(prepared.changed, record)
        return Response(
            200,
            b"",
            headers,
            chunks=reply,
            lines=self._lines(call, record),
        )

    async def _canned(
        self, call: Call, step: Try, text: str, record: Record, plan: Plan | None
    ) -> Response:
        """Answer from the configuration (`mock_response`); no upstream is asked, limits count."""
        deployment = step.deployment
        if self._quota is not None or deployment.max_parallel is not None:
            vitals = self._health.of(deployment)
            await enter(deployment, vitals, self._clock, self._quota, plan)
        record.trying(step)
        way_in = self._ways_in[call.dialect]
        events = canned_events(call, text)
        record.tried(self._clock.monotonic())
        record.used(next((e.usage for e in events if type(e) is Used), None))
        headers = said_of((), record)
        record.settle(Ending.COMPLETE, status=200)
        lines = self._lines(call, record)
        if not call.stream:
            return Response(200, way_in.render(events, call), headers, lines=lines)
        writer = way_in.writer(call)
        canned = Canned(writer.write(events) + writer.end())
        return Response(200, b"", headers, chunks=canned, lines=lines)

    def _lines(self, call: Call, record: Record) -> bytes:
        """Say what answered and in which form, which such answers have in common, and its own."""
        deployment_id = "" if record.deployment is None else record.deployment.id
        group = record.group or call.model
        key = (deployment_id, group, call.stream, record.retries, record.fallbacks)
        lines = self._named.get(key)
        if lines is None:
            if len(self._named) >= MAX_NAMED:
                self._named.clear()
            lines = self._named[key] = named_lines(
                deployment_id,
                group,
                stream=call.stream,
                retries=record.retries,
                fallbacks=record.fallbacks,
            )
        return lines + own_lines(call, record)

    def _deadlines(self, deployment: Deployment, call: Call, until: float) -> Deadlines:
        deadlines = self._of_deployment(deployment, call)
        if until == NEVER:
            return deadlines
        return shortened(deadlines, call, until - self._clock.monotonic())

    def _of_deployment(self, deployment: Deployment, call: Call) -> Deadlines:
        if not call.stream or deployment.stream_first_byte is None:
            return deployment.deadlines
        deadlines = self._stream_deadlines.get(deployment.id)
        if deadlines is None:
            deadlines = self._stream_deadlines[deployment.id] = msgspec.structs.replace(
                deployment.deadlines, first_byte=deployment.stream_first_byte
            )
        return deadlines


def _begin(step: Try, record: Record, vitals: Vitals, flight: Flown | None) -> float:
    """Note that an attempt begins; what the fast path sent began then. Gives the moment."""
    if flight is not None:
        return record.trying(step, flight.tried_at)
    began = record.trying(step)
    vitals.begin(began, retry=step.retry or step.fallback)
    return began


def named_lines(
    deployment_id: str, group: str, *, stream: bool, retries: int = 0, fallbacks: int = 0
) -> bytes:
    """Write the headers that such answers have in common."""
    named: list[Header] = [
        (b"x-litellm-model-group", group.encode()),
        (b"x-litellm-attempted-retries", str(retries).encode()),
        (b"x-litellm-attempted-fallbacks", str(fallbacks).encode()),
    ]
    if deployment_id:
        named.append((b"x-litellm-model-id", deployment_id.encode()))
    named += (SSE_TYPE, _UNCACHED) if stream else (JSON_TYPE,)
    return header_lines(named)


def _let_go(vitals: Vitals, exchange: Exchange | None) -> None:
    """Free the place and the connection."""
    vitals.release()
    if exchange is not None:
        exchange.close()


def until_of(call: Call, record: Record, plan: Plan | None) -> float:
    """Give the call's own end, where it can come before that of the attempt."""
    if plan is None or not (record.attempts or call.wishes is not None):
        return NEVER
    return plan.deadline


def shortened(deadlines: Deadlines, call: Call, left_s: float) -> Deadlines:
    """Fit an attempt into what is left of the call's own time; the answer of a stream may last."""
    left_s = max(left_s, 0.001)
    connect = min(deadlines.connect, left_s)
    if call.wishes is not None and (wish_s := call.wishes.limit_s(stream=call.stream)):
        if call.stream:
            return msgspec.structs.replace(
                deadlines, connect=connect, first_byte=left_s, idle=wish_s
            )
        deadlines = msgspec.structs.replace(deadlines, first_byte=left_s, idle=left_s)
    total = left_s if deadlines.total is None else min(deadlines.total, left_s)
    return msgspec.structs.replace(deadlines, connect=connect, total=total)


async def _begin_in_time(reply: Reply, left_s: float) -> None:
    """Wait for a stream's first event no longer than its caller does."""
    try:
        async with asyncio.timeout(max(left_s, 0.001)):
            await reply.begin()
    except TimeoutError:
        raise TimedOut("The upstream did not begin its answer in time.") from None


async def raise_fault(exchange: Exchange, prepared: Prepared) -> None:
    """Raise what an answer that is none means."""
    body = await _read_complaint(exchange)
    if exchange.status < 400:  # redirects are not followed: we connect where we were told
        raise Garbled("The upstream answered with a redirect or an unexpected status.")
    raise prepared.out.fault(exchange.status, exchange.headers, body)


async def _read_complaint(exchange: Exchange) -> bytes:
    """Read an error answer as far as it is worth it; the status says most of it."""
    body = b""
    try:
        while len(body) <= MAX_COMPLAINT and (piece := await exchange.receive()):
            body += piece
    except UpstreamError:
        return b""  # broken off or garbled
    return body if len(body) <= MAX_COMPLAINT else b""


def own_lines(call: Call, record: Record) -> bytes:
    """Write the headers every answer has of its own: its id, and its cost where that is known.

    Ready-made, because both are harmless: an id is ours, or was checked where it came in.
    """
    lines = b"x-litellm-call-id: %b\r\n" % call.id.encode()
    if record.cost is not None:
        lines += b"x-litellm-response-cost: %b\r\n" % usd(record.cost).encode()
    return lines


def said_of(changed: tuple[str, ...], record: Record) -> list[Header]:
    """Say what seldom has to be said: who else was asked, and what was changed (ours)."""
    headers: list[Header] = []
    if len(record.attempts) > 1:
        faults = ", ".join(attempt.fault or "answered" for attempt in record.attempts)
        headers.append((b"x-hx-attempts", faults.encode()))
    if changed:
        headers.append((b"x-hx-changed", ", ".join(changed).encode()))
    return headers
