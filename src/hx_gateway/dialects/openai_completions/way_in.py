"""Text completions as clients speak them. The prompt is read as what one user says."""

from msgspec import Raw
from msgspec.json import Decoder

from hx_gateway.core import wire
from hx_gateway.core.call import Call
from hx_gateway.core.chat import Chat, Message, Role, Text
from hx_gateway.core.errors import GatewayError, InvalidRequest
from hx_gateway.core.event import Event, Finish, Finished, Started, TextDelta, Used
from hx_gateway.core.usage import Usage
from hx_gateway.dialects import openai_errors
from hx_gateway.dialects.fields import (
    COUNT,
    NUMBER,
    TEXT,
    TEXT_OR_TEXTS,
    FieldReader,
    texts,
)
from hx_gateway.dialects.openai_relay import DONE
from hx_gateway.dialects.openai_usage import wire_usage
from hx_gateway.dialects.sse import one_line

Json = dict[str, object]

_PROMPT = Decoder(str | list[str | int | list[int]])
_OURS = frozenset({"model", "stream", "stream_options"})


class CompletionsIn:
    """The way in; see `WayIn`."""

    name = "openai_completions"

    def read(self, call: Call) -> Chat:
        """Understand the call."""
        fields = FieldReader(call.fields, ignored=_OURS)
        prompt = _prompt(fields.need("prompt", _PROMPT))
        return Chat(
            messages=(Message(role=Role.USER, parts=(Text(text=prompt),)),),
            max_tokens=fields.take("max_tokens", COUNT),
            temperature=fields.take("temperature", NUMBER),
            top_p=fields.take("top_p", NUMBER),
            top_k=fields.take("top_k", COUNT),
            stop=texts(fields.take("stop", TEXT_OR_TEXTS)),
            seed=fields.take("seed", COUNT),
            choices=fields.take("n", COUNT),
            frequency_penalty=fields.take("frequency_penalty", NUMBER),
            presence_penalty=fields.take("presence_penalty", NUMBER),
            user=fields.take("user", TEXT),
            extra=fields.rest(),
        )

    def render(self, events: list[Event], call: Call) -> bytes:
        """Write a whole answer."""
        pieces: dict[int, list[str]] = {}
        finishes: dict[int, str] = {}
        started, usage = Started(id="", model=call.model), Usage()
        for event in events:
            match event:
                case Started():
                    started = event
                case TextDelta():
                    pieces.setdefault(event.choice, []).append(event.text)
                case Finished():
                    pieces.setdefault(event.choice, [])
                    finishes[event.choice] = _finish(event)
                case Used():
                    usage = event.usage
                case _:
                    pass
        choices = [
            _choice(index, "".join(text), finish=finishes.get(index, "stop"))
            for index, text in sorted(pieces.items())
        ]
        body = {**_head(started, call), "choices": choices, "usage": wire_usage(usage)}
        return wire.encode(body)

    def writer(self, call: Call) -> "CompletionsWriter":
        """Start to write a stream."""
        return CompletionsWriter(call)

    def error(self, error: GatewayError, request_id: str) -> bytes:
        """Write an error body."""
        return openai_errors.envelope(error, request_id)

    def stream_error(self, error: GatewayError, request_id: str) -> bytes:
        """Write the event that ends a broken stream."""
        return openai_errors.stream_envelope(error, request_id)


class CompletionsWriter:
    """Writes one stream of `text_completion` events."""

    __slots__ = ("_call", "_head", "_usage")

    def __init__(self, call: Call) -> None:
        self._call = call
        self._head = _head(Started(id="", model=call.model), call)
        self._usage: Usage | None = None

    def write(self, events: list[Event]) -> bytes:
        """See `Writer`."""
        return b"".join([self._event(event) for event in events])

    def end(self) -> bytes:
        """See `Writer`."""
        if self._usage is None or not self._call.wants_usage:
            return DONE
        return self._frame({"choices": [], "usage": wire_usage(self._usage)}) + DONE

    def _event(self, event: Event) -> bytes:
        match event:
            case TextDelta():
                logprobs = None if event.logprobs is None else one_line(event.logprobs)
                choice = _choice(event.choice, event.text, logprobs=logprobs)
                return self._frame({"choices": [choice]})
            case Finished():
                choice = _choice(event.choice, "", finish=_finish(event))
                return self._frame({"choices": [choice]})
            case Started():
                self._head = _head(event, self._call)
            case Used():
                self._usage = event.usage
            case _:
                pass
        return b""

    def _frame(self, rest: Json) -> bytes:
        return b"data: " + wire.encode({**self._head, **rest}) + b"\n\n"


def _prompt(given: str | list[str | int | list[int]]) -> str:
    if isinstance(given, str):
        return given
    if len(given) == 1 and isinstance(given[0], str):
        return given[0]
    raise InvalidRequest("This model takes one prompt, as text.", param="prompt")


def _head(started: Started, call: Call) -> Json:
    return {
        "id": started.id if started.id.startswith("cmpl") else f"cmpl-{call.id}",
        "object": "text_completion",
        "created": started.created or call.created,
        "model": call.model,
    }


def _choice(
    index: int, text: str, *, finish: str | None = None, logprobs: Raw | None = None
) -> Json:
    return {"text": text, "index": index, "logprobs": logprobs, "finish_reason": finish}


def _finish(event: Finished) -> str:
    if event.reason is Finish.LENGTH:
        return "length"
    return "content_filter" if event.reason is Finish.CONTENT_FILTER else "stop"


WAY_IN = CompletionsIn()
