"""OpenAI embeddings, in both directions.

Format: https://platform.openai.com/docs/api-reference/embeddings. `prompt` is taken for `input`.
"""

import binascii
from array import array
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Self

import msgspec
from msgspec import Raw
from msgspec.json import Decoder

from hx_gateway.core import wire
from hx_gateway.core.call import Call
from hx_gateway.core.chat import Embedding
from hx_gateway.core.errors import Garbled, GatewayError, InvalidRequest, UpstreamError
from hx_gateway.core.event import Event, Started, Used, Vector
from hx_gateway.core.provider import Question
from hx_gateway.core.usage import Usage
from hx_gateway.core.wire import NOT_JSON, Fields, name_raw, raw
from hx_gateway.dialects import openai_errors
from hx_gateway.dialects.fields import COUNT, TEXT, FieldReader
from hx_gateway.dialects.framed import FramedRelay
from hx_gateway.dialects.openai_relay import openai_relay
from hx_gateway.dialects.openai_usage import WireUsage
from hx_gateway.dialects.questions import as_embedding
from hx_gateway.dialects.whole import WholeDecoder, WholeWriter

NAME = "openai_embeddings"

Inputs = tuple[str, ...] | tuple[tuple[int, ...], ...]

_INPUT = Decoder(str | list[str | int | list[int]])
_NO_INPUTS = (b'""', b"[]", b"null", b'[""]')
_NO_VECTORS = (b'""', b"[]", b"null", b"")


class _Data(msgspec.Struct):
    embedding: Raw = Raw(b"")
    index: int | None = None


class _Answer(msgspec.Struct):
    data: list[_Data] | None = None
    model: str = ""
    usage: WireUsage | None = None
    error: dict[str, object] | str | None = None


_ANSWER = Decoder(_Answer)
_VECTOR = Decoder(tuple[float, ...] | str)


class EmbeddingsIn:
    """The way in; see `WayIn`. There is no stream."""

    name = NAME

    def read(self, call: Call) -> Embedding:
        """Understand the call."""
        fields = FieldReader(with_input(call.fields), ignored=frozenset({"model", "stream"}))
        return Embedding(
            inputs=_inputs(fields.need("input", _INPUT)),
            dimensions=fields.take("dimensions", COUNT),
            encoding=fields.take("encoding_format", TEXT),
            user=fields.take("user", TEXT),
            extra=fields.rest(),
        )

    def render(self, events: list[Event], call: Call) -> bytes:
        """Write a whole answer; vectors as base64 of little-endian float32 if that was asked."""
        base64 = wire.text_field(call.fields, "encoding_format") == "base64"
        vectors = sorted((e for e in events if isinstance(e, Vector)), key=lambda e: e.index)
        usage = next((e.usage for e in events if isinstance(e, Used)), Usage())
        data = [
            {
                "object": "embedding",
                "index": vector.index,
                "embedding": _packed(vector.values) if base64 else vector.values,
            }
            for vector in vectors
        ]
        counts = {"prompt_tokens": usage.input, "total_tokens": usage.total}
        return wire.encode({"object": "list", "data": data, "model": call.model, "usage": counts})

    def writer(self, call: Call) -> WholeWriter:
        """Start to write a "stream": the whole answer at its end."""
        return WholeWriter(lambda events: self.render(events, call))

    def error(self, error: GatewayError, request_id: str) -> bytes:
        """Write an error body."""
        return openai_errors.envelope(error, request_id)

    def stream_error(self, error: GatewayError, request_id: str) -> bytes:
        """Write the event that ends a broken stream."""
        return openai_errors.stream_envelope(error, request_id)


class EmbeddingsOut(msgspec.Struct, frozen=True, kw_only=True):
    """The way out; see `WayOut`. `inputs`: how many vectors must come back, None for any."""

    name: str = NAME
    path: str = "/embeddings"
    inputs: int | None = None

    def expecting(self, inputs: int) -> Self:
        """Give a way out that takes only answers with as many vectors as there are inputs."""
        return msgspec.structs.replace(self, inputs=inputs)

    def encode(self, question: Question, model: str, *, stream: bool) -> Fields:  # noqa: ARG002
        """Write the body of a translated call; there is no stream."""
        embedding = as_embedding(question)
        fields = {"model": raw(model), "input": raw(embedding.inputs)}
        optional = {
            "dimensions": embedding.dimensions,
            "encoding_format": embedding.encoding,
            "user": embedding.user,
        }
        fields.update((name, raw(value)) for name, value in optional.items() if value is not None)
        return {**embedding.extra, **fields}

    def adapt(self, fields: Fields, model: str, *, stream: bool) -> Fields:  # noqa: ARG002
        """Change the model, and `prompt` to `input`."""
        return {**with_input(fields), "model": name_raw(model)}

    def decode(self, body: bytes) -> list[Event]:
        """Read a whole answer."""
        answer = self._read(body)
        events: list[Event] = [Started(id="", model=answer.model)]
        for position, data in enumerate(answer.data or ()):
            index = position if data.index is None else data.index
            events.append(Vector(index=index, values=_values(data.embedding)))
        if answer.usage is not None:
            events.append(Used(usage=answer.usage.read()))
        return events

    def usage(self, body: bytes) -> Usage | None:
        """Find the usage of a relayed answer; raises Garbled for a missing or empty vector."""
        answer = self._read(body)
        return None if answer.usage is None else answer.usage.read()

    def decoder(self) -> WholeDecoder:
        """Start to read a "stream": there is none, so the whole answer is read at its end."""
        return WholeDecoder(self.decode)

    def relay(self, *, wants_usage: bool) -> FramedRelay:
        """Start to pass a stream on; no upstream sends one."""
        return openai_relay(wants_usage=wants_usage)

    def fault(self, status: int, headers: Mapping[bytes, bytes], body: bytes) -> UpstreamError:
        """Read an error answer."""
        return openai_errors.fault(status, headers, body)

    def _read(self, body: bytes) -> _Answer:
        try:
            answer = _ANSWER.decode(body)
        except NOT_JSON:
            raise Garbled("The upstream's answer is no list of embeddings.") from None
        if answer.error is not None:
            raise openai_errors.stream_fault(body)
        check_count(len(answer.data or ()), self.inputs)
        if any(bytes(data.embedding) in _NO_VECTORS for data in answer.data or ()):
            raise Garbled("The upstream answered with an empty embedding.")
        return answer


def with_input(fields: Mapping[str, Raw]) -> dict[str, Raw]:
    """Take `prompt` for `input`; raises InvalidRequest when there is nothing to embed."""
    named = dict(fields)
    if "input" not in named and "prompt" in named:
        named["input"] = named.pop("prompt")
    if "input" not in named:
        raise InvalidRequest("Missing required parameter: 'input'.", param="input")
    if bytes(named["input"]) in _NO_INPUTS:
        raise InvalidRequest("'input' is empty.", param="input")
    return named


def count_inputs(fields: Mapping[str, Raw]) -> int:
    """Count the texts (or token lists) of a call; raises InvalidRequest like `read`."""
    return len(_inputs(FieldReader(with_input(fields)).need("input", _INPUT)))


def check_count(vectors: int, inputs: int | None) -> None:
    """Raise Garbled unless there are as many vectors as inputs (any but none when unknown)."""
    if vectors == 0 or (inputs is not None and vectors != inputs):
        raise Garbled("The upstream answered with the wrong number of embeddings.")


def _inputs(
    given: str | list[str | int | list[int]],
) -> tuple[str, ...] | tuple[tuple[int, ...], ...]:
    if isinstance(given, str):
        return (given,)
    texts = tuple(item for item in given if isinstance(item, str))
    tokens = tuple(item for item in given if isinstance(item, int))
    lists = tuple(tuple(item) for item in given if isinstance(item, list))
    if "" in texts or () in lists or not given:
        raise InvalidRequest("'input' has an empty entry.", param="input")
    if len(texts) == len(given):
        return texts
    if len(tokens) == len(given):
        return (tokens,)
    if len(lists) == len(given):
        return lists
    raise InvalidRequest("'input' must be texts or token lists, not both.", param="input")


def _values(embedding: Raw) -> tuple[float, ...]:
    try:
        given = _VECTOR.decode(embedding)
        packed = isinstance(given, str)
        values = tuple(array("f", b64decode(given, validate=True))) if packed else given
    except (*NOT_JSON, binascii.Error, ValueError):
        raise Garbled("The upstream's embedding is no vector.") from None
    if not values:
        raise Garbled("The upstream answered with an empty embedding.")
    return values


def _packed(values: tuple[float, ...]) -> str:
    return b64encode(array("f", values).tobytes()).decode()


WAY_IN = EmbeddingsIn()
WAY_OUT = EmbeddingsOut()
