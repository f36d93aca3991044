"""Operations that nobody translates: the same format comes in and goes out.

Moderations, pictures, speech and transcription exist in OpenAI's form only
(https://platform.openai.com/docs/api-reference), so upstreams that offer them speak it.
"""

from collections.abc import Mapping

import msgspec
from msgspec import Raw

from hx_gateway.core.call import Call
from hx_gateway.core.chat import Opaque
from hx_gateway.core.errors import Garbled, GatewayError, InvalidRequest, UpstreamError
from hx_gateway.core.event import Answered, Event, Used
from hx_gateway.core.provider import Question
from hx_gateway.core.usage import Measured, Told, Usage, counted
from hx_gateway.core.wire import NOT_JSON, Fields, raw
from hx_gateway.dialects import openai_errors
from hx_gateway.dialects.fields import is_nothing
from hx_gateway.dialects.framed import FramedRelay
from hx_gateway.dialects.whole import WholeDecoder, WholeWriter

# A partial picture is one event: 1536 x 1024 as PNG in base64 is beyond what text ever needs.
MAX_EVENT = 32 * 1024 * 1024


class _Details(msgspec.Struct):
    cached_tokens: Told = None


class _Usage(msgspec.Struct):
    """Tokens under either pair of names, or the length of a sound."""

    input_tokens: Told = None
    output_tokens: Told = None
    prompt_tokens: Told = None
    completion_tokens: Told = None
    input_tokens_details: _Details | None = None
    seconds: float | None = None

    def read(self, images: int) -> Usage:
        """Give our own count."""
        details = self.input_tokens_details or _Details()
        return Measured(
            input=counted(self.input_tokens or self.prompt_tokens),
            output=counted(self.output_tokens or self.completion_tokens),
            cached_read=counted(details.cached_tokens),
            images=images,
            audio_ms=_milliseconds(self.seconds),
        )


class _Answer(msgspec.Struct):
    type: str = ""
    usage: _Usage | None = None
    error: dict[str, object] | str | None = None
    data: Raw = Raw(b"")


_ANSWER = msgspec.json.Decoder(_Answer)
_LIST = msgspec.json.Decoder(list[Raw])


class OpaqueIn:
    """A way in; see `WayIn`."""

    def __init__(self, name: str) -> None:
        """Take the name of the one way out that it belongs to."""
        self.name = name

    def read(self, call: Call) -> Opaque:
        """Take the call as it is."""
        return Opaque(extra=call.fields)

    def render(self, events: list[Event], call: Call) -> bytes:  # noqa: ARG002 - the port
        """Write the answer as it came."""
        return b"".join(bytes(event.body) for event in events if isinstance(event, Answered))

    def writer(self, call: Call) -> WholeWriter:
        """Start to write a "stream": the whole answer at its end."""
        return WholeWriter(lambda events: self.render(events, call))

    def error(self, error: GatewayError, request_id: str) -> bytes:
        """Write an error body."""
        return openai_errors.envelope(error, request_id)

    def stream_error(self, error: GatewayError, request_id: str) -> bytes:
        """Write the event that ends a broken stream."""
        return openai_errors.stream_envelope(error, request_id)


class OpaqueOut(msgspec.Struct, frozen=True, kw_only=True):
    """A way out; see `WayOut`.

    `required`: the fields without which there is nothing to do. `ends`: the types of the events
    that complete a stream. `required_in_form`: the same in a form, each entry a field's possible
    names. `counts_images`: each entry of the answer's `data` is a picture.
    """

    name: str
    path: str
    required: tuple[str, ...] = ()
    ends: frozenset[str] = frozenset()
    required_in_form: tuple[tuple[str, ...], ...] = ()
    counts_images: bool = False

    def encode(self, question: Question, model: str, *, stream: bool) -> Fields:
        """Write the body of a call that came in another format of the same kind."""
        if not isinstance(question, Opaque):
            raise InvalidRequest(
                "This model does not answer this kind of request.", code="unsupported_operation"
            )
        return self.adapt(dict(question.extra), model, stream=stream)

    def adapt(self, fields: Fields, model: str, *, stream: bool) -> Fields:  # noqa: ARG002 - port
        """Change the model; raises InvalidRequest when there is nothing to work on."""
        for name in self.required:
            if name not in fields:
                raise InvalidRequest(f"Missing required parameter: '{name}'.", param=name)
            if is_nothing(fields[name]):
                raise InvalidRequest(f"'{name}' is empty.", param=name)
        return {**fields, "model": raw(model)}

    def decode(self, body: bytes) -> list[Event]:
        """Keep a whole answer."""
        usage = self.usage(body)
        answered = Answered(body=Raw(body))
        return [answered] if usage is None else [answered, Used(usage=usage)]

    def usage(self, body: bytes) -> Usage | None:
        """Find the usage of a whole answer; raises Garbled when it is not a JSON object."""
        answer = read_answer(body)
        images = _count(answer.data) if self.counts_images else 0
        if answer.usage is None:
            return Measured(images=images) if images else None
        return answer.usage.read(images)

    def decoder(self) -> WholeDecoder:
        """Start to read a stream nobody translates: the whole answer at its end."""
        return WholeDecoder(self.decode)

    def relay(self, *, wants_usage: bool) -> FramedRelay:  # noqa: ARG002 - it is always shown
        """Start to pass a stream on."""
        return FramedRelay(OpaqueWatcher(self.ends), max_event=MAX_EVENT)

    def fault(self, status: int, headers: Mapping[bytes, bytes], body: bytes) -> UpstreamError:
        """Read an error answer."""
        return openai_errors.fault(status, headers, body)


class OpaqueWatcher:
    """Looks for usage, errors and the last event of a stream; see `Watcher`."""

    text_mark = b'"delta":"'

    def __init__(self, ends: frozenset[str]) -> None:
        self.usage: Usage | None = None
        self.complete = False
        self._ends = ends

    def is_plain(self, whole: bytes) -> bool:
        """See `Watcher`. Nothing but deltas is frequent, and they say their type."""
        return whole.count(b'.delta"') == whole.count(b"data:") and whole.find(b'"error"') < 0

    def passes(self, event: bytes, data: bytes) -> bool:  # noqa: ARG002 - the data says it all
        """See `Watcher`."""
        if data == b"[DONE]":
            self.complete = True
            return True
        seen = read_answer(data)
        if seen.usage is not None:
            self.usage = seen.usage.read(0)
        if seen.type in self._ends:
            self.complete = True
        return True

    @property
    def over(self) -> bool:
        """See `Watcher`."""
        return self.complete

    def end(self) -> bytes:
        """See `Watcher`. A complete stream lacks nothing."""
        return b""


def read_answer(body: bytes) -> _Answer:
    """Read what matters of an answer or event; raises Garbled, or the error that it is."""
    try:
        answer = _ANSWER.decode(body)
    except NOT_JSON:
        raise Garbled("The upstream's answer is not the JSON that was asked for.") from None
    if answer.error is not None:
        raise openai_errors.stream_fault(body)
    return answer


def _count(data: Raw) -> int:
    try:
        return len(_LIST.decode(data)) if data else 0
    except NOT_JSON:
        return 0


def _milliseconds(seconds: float | None) -> int:
    # A day is beyond every limit of length: more is a mistake, and would be billed.
    return int(seconds * 1000) if seconds is not None and 0 < seconds <= 86_400 else 0
