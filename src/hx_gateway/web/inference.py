"""The inference routes: chat, completions, embeddings."""

from collections.abc import Awaitable, Mapping
from functools import partial

import msgspec

from hx_gateway.cache.wish import read_wish
from hx_gateway.core import wire
from hx_gateway.core.call import CacheWish, Call, Operation
from hx_gateway.core.clock import Clock
from hx_gateway.core.errors import GatewayError, Interrupted, InvalidRequest
from hx_gateway.core.fast import MakeFast
from hx_gateway.core.http import SSE_TYPE, Early, Response
from hx_gateway.core.principal import Scope
from hx_gateway.core.provider import WayIn
from hx_gateway.core.snapshot import ServerSettings
from hx_gateway.dialects.fields import check_messages
from hx_gateway.dialects.registry import WAYS_IN
from hx_gateway.pipeline.controls import read_contract, take_controls
from hx_gateway.pipeline.fast import FastChats
from hx_gateway.pipeline.handle import Pipeline
from hx_gateway.pipeline.hints import HintReader
from hx_gateway.pipeline.tags import take_tags
from hx_gateway.pipeline.wishes import read_wishes
from hx_gateway.web.endpoint import Endpoint, Handler, Visit

_STREAM_HEADERS = [SSE_TYPE]
COMMENT = b": ping\n\n"
# What each format's clients ignore while they wait; a comment where the format has no ping.
HEARTBEATS = {"anthropic_messages": b'event: ping\ndata: {"type": "ping"}\n\n'}
# Client headers that a vendor may want to see; which of them go on is data of the vendor.
_PASSED_ON = (b"anthropic-beta", b"anthropic-version")
ERRORS = (400, 403, 404, 413, 429, 500, 502, 503, 504)


class Inference:
    """Handlers of the inference routes over the pipeline of one snapshot."""

    def __init__(
        self,
        pipeline: Pipeline,
        settings: ServerSettings,
        clock: Clock,
        hints: HintReader | None = None,
        fast: FastChats | None = None,
    ) -> None:
        """`fast` carries ordinary chats, if that is possible.

        `settings` gives the heartbeat interval; 0 switches heartbeats off.

        `hints`: what calls must bring along for the routes; None: nothing.
        """
        self._hints = hints
        self._fast = fast
        self._pipeline = pipeline
        self._heartbeat_s = settings.heartbeat_interval
        self._clock = clock

    def fast(self, name: str) -> MakeFast | None:
        """Make what makes the fast path of the chat endpoint of that name."""
        return None if self._fast is None else partial(self._fast.make, name)

    def handler(self, operation: Operation, dialect: str) -> Handler:
        """Make the handler of one operation in one client format."""
        answer = self._converse if operation is Operation.CHAT else self._answer
        return partial(answer, operation, dialect)

    def _answer(self, operation: Operation, dialect: str, visit: Visit) -> Awaitable[Response]:
        return self.answer(visit, self.call(visit, operation, dialect))

    def _converse(self, operation: Operation, dialect: str, visit: Visit) -> Awaitable[Response]:
        call = self.call(visit, operation, dialect)
        check_messages(call.fields)
        return self.answer(visit, call)

    def answer(self, visit: Visit, call: Call) -> Awaitable[Response]:
        """Answer a call; a stream may begin before it is known whether there is an answer."""
        visit.is_recorded = True
        if call.stream and self._heartbeat_s:
            heartbeat = HEARTBEATS.get(call.dialect, COMMENT)
            words = partial(_last_words, WAYS_IN[call.dialect], call.id)
            visit.request.early = Early(_STREAM_HEADERS, heartbeat, words)
        return self._pipeline.handle(call, visit.caller, visit.request.flight)

    def call(self, visit: Visit, operation: Operation, dialect: str) -> Call:
        """Read a request into a call; raises InvalidRequest."""
        request = visit.request
        fields = wire.decode_fields(request.body)
        controls = take_controls(fields)
        model = visit.path.get("model") or wire.text_field(fields, "model")
        if not model:
            model = self._pipeline.table.default(request.header(b"x-hx-model-group"))
        hints = self._hints
        stream = "stream" in fields and wire.bool_field(fields, "stream")
        return Call(
            id=visit.id,
            operation=operation,
            dialect=dialect,
            model=model,
            fields=fields,
            stream=stream,
            wants_usage=stream and _wants_usage(fields),
            headers=_passed_on(request.headers) if dialect == "anthropic_messages" else {},
            tags=take_tags(fields, controls, request.headers),
            wishes=read_wishes(controls, request.headers, model),
            started_at=flight.started_at if (flight := request.flight) else self._clock.monotonic(),
            created=int(self._clock.now()),
            contract=read_contract(controls) if controls else None,
            cache=None if self._pipeline.cached is None else _cache_wish(visit, controls),
            hints=None if hints is None else hints.read(request.headers, fields, controls),
        )


def _last_words(way_in: WayIn, call_id: str, error: GatewayError | None) -> bytes:
    """Write the event that ends a stream that was begun and got no answer."""
    stopping = Interrupted("The gateway is shutting down.", code="gateway_shutdown")
    return way_in.stream_error(error or stopping, call_id)


def _cache_wish(visit: Visit, controls: Mapping[str, msgspec.Raw]) -> CacheWish | None:
    header = visit.request.header(b"cache-control")
    caching = bytes(controls.get("caching", b"null")) != b"false"
    return read_wish(controls.get("cache"), header, visit.caller, caching=caching)


def _passed_on(headers: Mapping[bytes, bytes]) -> Mapping[bytes, bytes]:
    return {name: headers[name] for name in _PASSED_ON if name in headers}


class _StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


# Made once: to understand the type costs ten times what reading such a short value does.
_STREAM_OPTIONS = msgspec.json.Decoder(_StreamOptions | None)


def _wants_usage(fields: wire.Fields) -> bool:
    options = fields.get("stream_options")
    if options is None:
        return False
    try:
        decoded = _STREAM_OPTIONS.decode(options)
    except msgspec.ValidationError:
        raise InvalidRequest(
            "'stream_options' must be an object.", param="stream_options"
        ) from None
    return bool(decoded and decoded.include_usage)


def endpoints(inference: Inference) -> tuple[Endpoint, ...]:
    """Make the endpoints of the family; unlisted ones are aliases without `/v1` or Azure's form."""
    return (
        *_with_fast_path(
            inference,
            posts(
                inference.handler(Operation.CHAT, "openai_chat"),
                "chat",
                "chat/completions",
                "Answer a conversation (OpenAI chat completions)",
            ),
        ),
        *posts(
            inference.handler(Operation.COMPLETE, "openai_completions"),
            "complete",
            "completions",
            "Continue a text (OpenAI completions)",
        ),
        *posts(
            inference.handler(Operation.EMBED, "openai_embeddings"),
            "embed",
            "embeddings",
            "Turn texts into vectors (OpenAI embeddings)",
        ),
        _messages(inference),
    )


def _with_fast_path(inference: Inference, chats: list[Endpoint]) -> list[Endpoint]:
    return [
        each if "{" in each.path else msgspec.structs.replace(each, fast=inference.fast(each.name))
        for each in chats
    ]


def posts(handler: Handler, name: str, tail: str, summary: str) -> list[Endpoint]:
    """Make the endpoints of one operation: with and without `/v1`, and with the model in the path.

    The last two are how Azure's SDKs ask; their `api-version` says nothing to us.
    """
    paths = (
        f"/v1/{tail}",
        f"/{tail}",
        f"/engines/{{model:path}}/{tail}",
        f"/openai/deployments/{{model:path}}/{tail}",
    )
    return [
        Endpoint(
            method="POST",
            path=path,
            scope=Scope.INFERENCE,
            handler=handler,
            name=name if n == 0 else f"{name}_{n}",
            summary=summary,
            tag="inference",
            errors=ERRORS,
            listed=n == 0,
        )
        for n, path in enumerate(paths)
    ]


def _messages(inference: Inference) -> Endpoint:
    """Anthropic's format of a conversation, with errors of its own shape."""
    dialect = "anthropic_messages"
    return Endpoint(
        method="POST",
        path="/v1/messages",
        scope=Scope.INFERENCE,
        handler=inference.handler(Operation.CHAT, dialect),
        name="messages",
        summary="Answer a conversation (messages)",
        tag="inference",
        errors=ERRORS,
        dialect=dialect,
    )
