"""Text completions as upstreams speak them."""

from collections.abc import Mapping

import msgspec
from msgspec import Raw
from msgspec.json import Decoder

from hx_gateway.core.chat import Text
from hx_gateway.core.errors import Garbled, Interrupted, UpstreamError
from hx_gateway.core.event import Event, Finish, Finished, Started, TextDelta, Used
from hx_gateway.core.provider import Question
from hx_gateway.core.usage import Usage
from hx_gateway.core.wire import NOT_JSON, Fields, name_raw, raw
from hx_gateway.dialects import openai_errors, sse
from hx_gateway.dialects.fields import ABSENT, present
from hx_gateway.dialects.framed import FramedRelay
from hx_gateway.dialects.openai_chat.decode import FINISHES, find_usage
from hx_gateway.dialects.openai_chat.encode import STREAM_OPTIONS, TRUE
from hx_gateway.dialects.openai_chat.way_out import with_usage
from hx_gateway.dialects.openai_relay import openai_relay
from hx_gateway.dialects.openai_usage import WireUsage
from hx_gateway.dialects.questions import as_chat


class _Choice(msgspec.Struct):
    index: int = 0
    text: str | None = None
    finish_reason: str | None = None
    logprobs: Raw = ABSENT


class _Answer(msgspec.Struct):
    id: str | None = None
    model: str | None = None
    created: int | None = None
    choices: list[_Choice] | None = None
    usage: WireUsage | None = None
    error: dict[str, object] | str | None = None


_ANSWER = Decoder(_Answer)


class CompletionsOut(msgspec.Struct, frozen=True, kw_only=True):
    """The way out; see `WayOut`."""

    name: str = "openai_completions"
    path: str = "/completions"

    def encode(self, question: Question, model: str, *, stream: bool) -> Fields:
        """Write the body of a translated call: the texts of all messages are the prompt."""
        chat = as_chat(question)
        parts = [part for message in chat.messages for part in message.parts]
        prompt = "\n".join(part.text for part in parts if isinstance(part, Text))
        fields: Fields = {"model": raw(model), "prompt": raw(prompt)}
        if stream:
            fields |= {"stream": TRUE, "stream_options": STREAM_OPTIONS}
        optional = {
            "max_tokens": chat.max_tokens,
            "temperature": chat.temperature,
            "top_p": chat.top_p,
            "stop": chat.stop or None,
            "seed": chat.seed,
            "n": chat.choices,
        }
        fields.update((name, raw(value)) for name, value in optional.items() if value is not None)
        return {**chat.extra, **fields}

    def adapt(self, fields: Fields, model: str, *, stream: bool) -> Fields:
        """Change the model, and ask for the usage of a stream; everything else stays."""
        adapted = {**fields, "model": name_raw(model)}
        if stream:
            adapted["stream_options"] = with_usage(fields.get("stream_options"))
        return adapted

    def decode(self, body: bytes) -> list[Event]:
        """Read a whole answer."""
        answer = _decode(body)
        if not answer.choices:
            raise Garbled("The upstream's answer has no choices.")
        return CompletionsDecoder().read(answer)

    def usage(self, body: bytes) -> Usage | None:
        """Find the usage of a relayed answer."""
        return find_usage(body)

    def decoder(self) -> "CompletionsDecoder":
        """Start to read a stream."""
        return CompletionsDecoder()

    def relay(self, *, wants_usage: bool) -> FramedRelay:
        """Start to pass a stream on."""
        return openai_relay(wants_usage=wants_usage)

    def fault(self, status: int, headers: Mapping[bytes, bytes], body: bytes) -> UpstreamError:
        """Read an error answer."""
        return openai_errors.fault(status, headers, body)


class CompletionsDecoder:
    """Reads one stream."""

    __slots__ = ("_begun", "_complete", "_parser", "_started", "over")

    def __init__(self) -> None:
        self._parser = sse.SseParser()
        self.over = False
        self._started = False
        self._begun = False
        self._complete = False

    def feed(self, data: bytes) -> list[Event]:
        """See `Decoder`."""
        events: list[Event] = []
        for _, payload in self._parser.feed(data):
            if self.over:
                break
            if payload == b"[DONE]":
                self.over = self._complete = self._complete or self._begun
            else:
                events += self.read(_decode(payload))
        return events

    def end(self) -> list[Event]:
        """See `Decoder`."""
        if self._complete:
            return []
        if self._started:
            raise Interrupted("The upstream broke off its answer.")
        raise Garbled("The upstream ended its answer before it began.")

    def read(self, answer: _Answer) -> list[Event]:
        """Turn one chunk (or a whole answer) into events."""
        events: list[Event] = []
        if not self._started:
            self._started = True
            events.append(
                Started(id=answer.id or "", model=answer.model or "", created=answer.created)
            )
        for choice in answer.choices or ():
            self._begun = True
            logprobs = present(choice.logprobs)
            if choice.text or logprobs is not None:
                text = choice.text or ""
                events.append(TextDelta(text=text, choice=choice.index, logprobs=logprobs))
            if choice.finish_reason is not None:
                self._complete = True
                reason = FINISHES.get(choice.finish_reason, Finish.STOP)
                events.append(Finished(reason=reason, choice=choice.index))
        if answer.usage is not None:
            events.append(Used(usage=answer.usage.read()))
        return events


def _decode(data: bytes) -> _Answer:
    try:
        answer = _ANSWER.decode(data)
    except NOT_JSON:
        raise Garbled("The upstream's answer is not a completion.") from None
    if answer.error is not None:
        raise openai_errors.stream_fault(data)
    return answer


WAY_OUT = CompletionsOut()
