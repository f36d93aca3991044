"""One attempt: a call, a deployment, and either a reply that has begun or a fault."""

from collections.abc import Mapping

import msgspec

from hx_gateway.adapter.request import Prepared, prepare
from hx_gateway.core.call import Call
from hx_gateway.core.clock import Clock
from hx_gateway.core.errors import Garbled, UpstreamError
from hx_gateway.core.event import Used
from hx_gateway.core.http import JSON_TYPE, SSE_TYPE, Deadlines, Exchange, Header, Sender
from hx_gateway.core.provider import WayIn
from hx_gateway.core.receipt import Ending
from hx_gateway.core.route import Deployment
from hx_gateway.core.usage import Usage, usd
from hx_gateway.pipeline.canned import canned_events
from hx_gateway.pipeline.record import Record
from hx_gateway.pipeline.reply import Canned, Reply, Stream, Translation
from hx_gateway.routing.health import Health
from hx_gateway.routing.plan import Try


class Attempter:
    """Asks one deployment at a time, and tells the health book how it went."""

    def __init__(
        self,
        *,
        sender: Sender,
        health: Health,
        clock: Clock,
        ways_in: Mapping[str, WayIn],
    ) -> None:
        """Put the parts together; all of them outlive a call."""
        self._sender = sender
        self._health = health
        self._clock = clock
        self._ways_in = ways_in
        self._stream_deadlines: dict[str, Deadlines] = {}

    async def attempt(self, call: Call, step: Try, record: Record, *, alone: bool) -> Reply:
        """Ask one deployment; raises UpstreamError (noted) when it does not answer properly."""
        deployment, health = step.deployment, self._health
        record.trying(step)
        if deployment.canned is not None:
            return self._canned(call, deployment.canned, record)
        health.begin(deployment, self._clock.monotonic(), retry=step.retry or step.fallback)
        streams = False
        try:
            prepared = prepare(call, deployment)
            exchange = await self._sender.send(
                deployment.origin, prepared.request, self._deadlines(deployment, call)
            )
            try:
                if not 200 <= exchange.status < 300:
                    await _raise_fault(exchange, prepared)
                if call.stream:
                    reply = await self._stream(call, exchange, prepared, record)
                    streams = True
                else:
                    reply = await self._whole(call, exchange, prepared, record)
            finally:
                if not streams:
                    exchange.close()
        except UpstreamError as fault:
            record.tried(fault.error_code or fault.error_type)
            health.failed(deployment, self._clock.monotonic(), fault, alone=alone)
            raise
        finally:
            if not streams:
                health.release(deployment)
        return reply

    async def _whole(
        self, call: Call, exchange: Exchange, prepared: Prepared, record: Record
    ) -> Reply:
        body = await exchange.read()
        usage: Usage | None = None
        if prepared.relayed:
            usage = prepared.out.usage(body)
        else:
            events = prepared.out.decode(body)
            usage = next((e.usage for e in reversed(events) if type(e) is Used), None)
            body = self._ways_in[call.dialect].render(events, call)
        record.used(usage)
        self._succeeded(record)
        headers = _headers(call, prepared.changed, record)
        headers.append(JSON_TYPE)
        record.settle(Ending.COMPLETE, status=200)
        return Reply(200, headers, body)

    async def _stream(
        self, call: Call, exchange: Exchange, prepared: Prepared, record: Record
    ) -> Reply:
        way_in = self._ways_in[call.dialect]
        passage = (
            prepared.out.relay(wants_usage=call.wants_usage)
            if prepared.relayed
            else Translation(prepared.out.decoder(), way_in.writer(call))
        )
        deployment = record.deployment
        assert deployment is not None  # noqa: S101 - `attempt` has just set it
        stream = Stream(exchange, passage, way_in, record, lambda: self._health.release(deployment))
        await stream.begin()
        self._succeeded(record)
        headers = _headers(call, prepared.changed, record)
        headers.append(SSE_TYPE)
        headers.append((b"cache-control", b"no-cache"))
        return Reply(200, headers, chunks=stream)

    def _succeeded(self, record: Record) -> None:
        seconds = record.tried()
        if record.deployment is not None:
            self._health.succeeded(record.deployment, self._clock.monotonic(), seconds)

    def _canned(self, call: Call, text: str, record: Record) -> Reply:
        """Answer from the configuration (`mock_response`); no upstream is asked."""
        way_in = self._ways_in[call.dialect]
        events = canned_events(call, text)
        record.tried()
        record.used(next((e.usage for e in events if type(e) is Used), None))
        headers = _headers(call, (), record)
        record.settle(Ending.COMPLETE, status=200)
        if not call.stream:
            return Reply(200, [*headers, JSON_TYPE], way_in.render(events, call))
        writer = way_in.writer(call)
        return Reply(200, [*headers, SSE_TYPE], chunks=Canned(writer.write(events) + writer.end()))

    def _deadlines(self, deployment: Deployment, call: Call) -> Deadlines:
        if not call.stream or deployment.stream_first_byte is None:
            return deployment.deadlines
        deadlines = self._stream_deadlines.get(deployment.id)
        if deadlines is None:
            deadlines = self._stream_deadlines[deployment.id] = msgspec.structs.replace(
                deployment.deadlines, first_byte=deployment.stream_first_byte
            )
        return deadlines


async def _raise_fault(exchange: Exchange, prepared: Prepared) -> None:
    body = await exchange.read()
    if exchange.status < 400:  # redirects are not followed: we connect where we were told
        raise Garbled("The upstream answered with a redirect or an unexpected status.")
    raise prepared.out.fault(exchange.status, exchange.headers, body)


def _headers(call: Call, changed: tuple[str, ...], record: Record) -> list[Header]:
    """Say what answered: LiteLLM's header names, and ours for what was changed."""
    deployment = record.deployment
    headers: list[Header] = [
        (b"x-litellm-call-id", call.id.encode()),
        (b"x-litellm-model-group", call.model.encode()),
    ]
    if deployment is not None:
        headers.append((b"x-litellm-model-id", deployment.id.encode()))
    if record.cost is not None:
        headers.append((b"x-litellm-response-cost", usd(record.cost).encode()))
    if record.retries:
        headers.append((b"x-litellm-attempted-retries", str(record.retries).encode()))
    if record.fallbacks:
        headers.append((b"x-litellm-attempted-fallbacks", str(record.fallbacks).encode()))
    if len(record.attempts) > 1:
        faults = ", ".join(attempt.fault or "answered" for attempt in record.attempts)
        headers.append((b"x-hx-attempts", faults.encode()))
    if changed:
        headers.append((b"x-hx-changed", ", ".join(changed).encode()))
    return headers
