"""One attempt of a call that is not plain JSON both ways: forms go out as they come, sounds return.

What is JSON both ways goes the ordinary way; see `attempt.py`.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping

import msgspec

from hx_gateway.adapter.form import prepare_form
from hx_gateway.adapter.request import Prepared, prepare
from hx_gateway.core.call import Call, Operation
from hx_gateway.core.clock import Clock
from hx_gateway.core.errors import Garbled, InvalidRequest, UpstreamError
from hx_gateway.core.form import Form
from hx_gateway.core.http import JSON_TYPE, SSE_TYPE, Chunks, Exchange, Header, Response, Sender
from hx_gateway.core.provider import WayIn
from hx_gateway.core.receipt import Ending
from hx_gateway.core.route import Deployment
from hx_gateway.dialects.form import FormRewriter
from hx_gateway.pipeline.attempt import (
    Attempter,
    own_lines,
    raise_fault,
    said_of,
    shortened,
    until_of,
)
from hx_gateway.pipeline.conceal import conceal
from hx_gateway.pipeline.controls import REFUSED, TAKEN
from hx_gateway.pipeline.drain import Drainer
from hx_gateway.pipeline.places import enter
from hx_gateway.pipeline.quota import Quota
from hx_gateway.pipeline.raw import RawReply
from hx_gateway.pipeline.record import Record
from hx_gateway.pipeline.reply import Reply
from hx_gateway.pipeline.watchdog import Watchdog, fault_of
from hx_gateway.routing.health import Health, Vitals
from hx_gateway.routing.plan import NEVER, Plan, Try
from hx_gateway.routing.stall import Waiting

CARRIED = frozenset(
    {
        Operation.SPEECH,
        Operation.TRANSCRIBE,
        Operation.TRANSLATE_AUDIO,
        Operation.IMAGE_EDIT,
        Operation.IMAGE_VARIATION,
    }
)
# What LiteLLM's `mode` says of a model that can do an operation. Without a mode all is tried.
_MIB, _SMALL = 1 << 20, 1 << 16
_PICTURES = frozenset({"image_generation", "image_edit"})
_HEARING = frozenset({"audio_transcription"})
_MODES: Mapping[Operation, frozenset[str]] = {
    Operation.RERANK: frozenset({"rerank"}),
    Operation.MODERATE: frozenset({"moderation", "moderations"}),
    Operation.IMAGE: _PICTURES,
    Operation.IMAGE_EDIT: _PICTURES,
    Operation.IMAGE_VARIATION: _PICTURES,
    Operation.SPEECH: frozenset({"audio_speech"}),
    Operation.TRANSCRIBE: _HEARING,
    Operation.TRANSLATE_AUDIO: _HEARING,
}


class Unrepeatable(UpstreamError):
    """A fault after part of an upload was sent and let go: nobody else can be asked."""

    retryable = False


class Carrier:
    """Asks one deployment at a time, like an `Attempter`, whatever the bodies are made of."""

    is_plain = False  # what it carries is no chat

    def __init__(
        self,
        *,
        attempter: Attempter,
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
        self._attempter = attempter
        self._sender = sender
        self._health = health
        self._clock = clock
        self._ways_in = ways_in
        self._quota = quota

    async def attempt(
        self, call: Call, step: Try, record: Record, plan: Plan | None = None
    ) -> Response:
        """Ask one deployment; raises UpstreamError (noted) when it does not answer properly.

        Whose upload is still arriving is neither watched, for the client may be the slow one, nor
        read on when the client has left.
        """
        check_mode(call, step.deployment)
        if call.operation not in CARRIED or step.deployment.canned is not None:
            return await self._attempter.attempt(call, step, record, plan)
        work = self._attempt(call, step, record, plan)
        seconds = step.deployment.on_disconnect.drain_s
        if not seconds:
            return await work
        form = call.form
        return await self._drainer.outlive(
            work, record, seconds, lambda: form is None or form.is_given
        )

    async def _attempt(self, call: Call, step: Try, record: Record, plan: Plan | None) -> Response:
        vitals = self._health.of(step.deployment)
        if self._quota is not None or step.deployment.max_parallel is not None:
            await enter(step.deployment, vitals, self._clock, self._quota, plan)
        began = record.trying(step)
        vitals.begin(began, retry=step.retry or step.fallback)
        trip = _Trip(call, step.deployment, record, vitals)
        waiting = self._watch(call, step, began, plan)
        try:
            exchange = trip.exchange = await self._send(trip, until_of(call, record, plan))
            if not 200 <= exchange.status < 300:
                await raise_fault(exchange, trip.prepared)
            return await self._answer(trip, exchange)
        except UpstreamError as fault:
            self._note(fault, step, record)
            if call.form is not None and not call.form.is_repeatable:
                raise _unrepeatable(fault) from fault
            raise
        except asyncio.CancelledError:
            stalled = fault_of(waiting)
            if stalled is None:
                self._health.untold(step.deployment)
                raise
            self._note(stalled, step, record)
            raise stalled from None
        finally:
            trip.close()
            if waiting is not None:
                waiting.end()

    def _watch(self, call: Call, step: Try, began: float, plan: Plan | None) -> Waiting | None:
        form = call.form
        if plan is None or self._watchdog is None or (form is not None and form.size is None):
            return None
        return self._watchdog.begin(
            step, began, plan.has_elsewhere, stream=call.stream, mib=mib_of(call)
        )

    def _note(self, fault: UpstreamError, step: Try, record: Record) -> None:
        conceal(fault, step.deployment)
        now = self._clock.monotonic()
        record.tried(now, fault.error_code or fault.error_type)
        self._health.failed(step.deployment, now, fault, alone=step.route.is_alone)

    async def _send(self, trip: "_Trip", until: float) -> Exchange:
        call, deployment = trip.call, trip.deployment
        if call.form is None:
            trip.prepared = prepare(call, deployment)
            request = trip.prepared.request
        else:
            trip.prepared, rewriter = prepare_form(
                call, call.form, deployment, left_out=TAKEN, refused=REFUSED
            )
            request = trip.prepared.request
            whole = call.form.whole
            if whole is not None:
                body = rewriter.feed(whole) + rewriter.end()
                request = msgspec.structs.replace(request, body=body)
            else:
                stream = Rewritten(call.form, rewriter)
                request = msgspec.structs.replace(request, stream=stream)
            trip.left_out = rewriter.left_out
        deadlines = deployment.deadlines
        if until < NEVER:
            deadlines = shortened(deadlines, call, until - self._clock.monotonic())
        return await self._sender.send(deployment.origin, request, deadlines)

    async def _answer(self, trip: "_Trip", exchange: Exchange) -> Response:
        """Pass on what came: events, text that is read for its usage, or bytes."""
        kind = exchange.headers.get(b"content-type", JSON_TYPE[1])
        media = kind.partition(b";")[0].strip().lower()
        if media == SSE_TYPE[1].partition(b";")[0]:
            return await self._events(trip, exchange)
        if media == b"text/html":  # some proxy's page, with a 200
            raise Garbled("The upstream's answer is a web page.")
        if media == JSON_TYPE[1] or media.startswith(b"text/"):
            return await self._text(trip, exchange, kind, is_json=media == JSON_TYPE[1])
        reply = RawReply(exchange, trip.record, trip.vitals.release)
        await reply.begin()
        return self._begun(trip, reply, (b"content-type", _clean(kind)))

    async def _events(self, trip: "_Trip", exchange: Exchange) -> Response:
        passage = trip.prepared.out.relay(wants_usage=True)
        way_in = self._ways_in[trip.call.dialect]
        reply = Reply(exchange, passage, way_in, trip.record, trip.vitals.release)
        await reply.begin()
        return self._begun(trip, reply, SSE_TYPE, (b"cache-control", b"no-cache"))

    def _begun(self, trip: "_Trip", reply: Chunks, *headers: Header) -> Response:
        trip.has_begun = True
        self._succeeded(trip)
        lines = own_lines(trip.call, trip.record)
        return Response(200, b"", [*trip.headers(), *headers], chunks=reply, lines=lines)

    async def _text(
        self, trip: "_Trip", exchange: Exchange, kind: bytes, *, is_json: bool
    ) -> Response:
        body = await exchange.read()
        if is_json:
            trip.record.used(trip.prepared.out.usage(body))
        self._succeeded(trip)
        headers = [*trip.headers(), (b"content-type", _clean(kind))]
        trip.record.settle(Ending.COMPLETE, status=200)
        return Response(200, body, headers, lines=own_lines(trip.call, trip.record))

    def _succeeded(self, trip: "_Trip") -> None:
        now = self._clock.monotonic()
        seconds = trip.record.tried(now)
        trip.vitals.succeeded(now, seconds)
        if mib := mib_of(trip.call):
            trip.vitals.per_mib.add(now, seconds / mib)


class _Trip:
    """What one attempt holds; `close` gives back what nobody took over."""

    def __init__(self, call: Call, deployment: Deployment, record: Record, vitals: Vitals) -> None:
        self.call = call
        self.deployment = deployment
        self.record = record
        self.vitals = vitals
        self.prepared: Prepared
        self.exchange: Exchange | None = None
        self.left_out: list[str] = []
        self.has_begun = False

    def headers(self) -> list[Header]:
        """Say what answered, and what was changed."""
        dropped = tuple(f"drop:{name}" for name in self.left_out)
        record = self.record
        return [
            (b"x-litellm-model-group", (record.group or self.call.model).encode()),
            (b"x-litellm-attempted-retries", str(record.retries).encode()),
            (b"x-litellm-attempted-fallbacks", str(record.fallbacks).encode()),
            (b"x-litellm-model-id", self.deployment.id.encode()),
            *said_of((*self.prepared.changed, *dropped), record),
        ]

    def close(self) -> None:
        """Free the place and the connection, unless an answer under way keeps them."""
        if not self.has_begun:
            self.vitals.release()
            if self.exchange is not None:
                self.exchange.close()


class Rewritten:
    """A form's bytes as one upstream is to get them; see `Chunks`."""

    def __init__(self, form: Form, rewriter: FormRewriter) -> None:
        """Read nothing yet."""
        self._pieces = form.pieces()
        self._rewriter = rewriter

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Give the pieces; raises RequestError for a form that is malformed or too large."""
        async for piece in self._pieces:
            if out := self._rewriter.feed(piece):
                yield out
        yield self._rewriter.end()

    async def aclose(self) -> None:
        """Read no more."""
        await self._pieces.aclose()


def suits(operation: Operation, deployment: Deployment) -> bool:
    """Say whether a deployment does an operation, as far as its vendor and its mode tell."""
    return operation in deployment.provider.speaks and _is_made_for(operation, deployment)


def _is_made_for(operation: Operation, deployment: Deployment) -> bool:
    fitting = _MODES.get(operation)
    return fitting is None or deployment.mode is None or deployment.mode in fitting


def mib_of(call: Call) -> float:
    """Give the size of an upload that is here; 0 for what is none, or still arrives.

    The smallest ones are told apart by other things than their size.
    """
    size = None if call.form is None else call.form.size
    return 0.0 if size is None else max(size, _SMALL) / _MIB


def check_mode(call: Call, deployment: Deployment) -> None:
    """Raise InvalidRequest when the model is known to be made for something else."""
    if _is_made_for(call.operation, deployment):
        return
    raise InvalidRequest(
        f"The model '{call.model}' is made for {deployment.mode} and does not answer this kind of "
        "request.",
        param="model",
        code="unsupported_operation",
    )


def _unrepeatable(fault: UpstreamError) -> Unrepeatable:
    return Unrepeatable(
        fault.message,
        upstream_status=fault.upstream_status,
        param=fault.param,
        code=fault.error_code,
        type_=fault.error_type,
        status=fault.http_status,
        retry_after_s=fault.retry_after_s,
    )


def _clean(kind: bytes) -> bytes:
    """Pass a media type on; one that could break out of its line is replaced."""
    is_plain = len(kind) < 256 and kind.isascii() and kind.decode("ascii").isprintable()
    return kind if is_plain else b"application/octet-stream"
