"""Ollama's own embeddings, `/api/embed`: the way out only.

Format: https://github.com/ollama/ollama/blob/main/docs/api.md and its `api/types.go`.
"""

from collections.abc import Mapping
from typing import Self

import msgspec

from hx_gateway.core.errors import Garbled, InvalidRequest, UpstreamError
from hx_gateway.core.event import Event, Started, Used, Vector
from hx_gateway.core.provider import Question
from hx_gateway.core.usage import Told, Usage, counted
from hx_gateway.core.wire import NOT_JSON, Fields, raw
from hx_gateway.dialects import ollama_errors
from hx_gateway.dialects.ndjson import WholeLines
from hx_gateway.dialects.ollama_options import is_known, options_of, top_level_of
from hx_gateway.dialects.openai_embeddings import check_count
from hx_gateway.dialects.questions import as_embedding
from hx_gateway.dialects.watch import WatchedRelay
from hx_gateway.dialects.whole import WholeDecoder


class _Answer(msgspec.Struct):
    embeddings: list[tuple[float, ...]]
    model: str = ""
    prompt_eval_count: Told = None


_ANSWER = msgspec.json.Decoder(_Answer)


class EmbedOut(msgspec.Struct, frozen=True, kw_only=True):
    """The way out; see `WayOut`. `inputs`: how many vectors must come back, None for any."""

    name: str = "ollama_embed"
    path: str = "/api/embed"
    inputs: int | None = None

    def expecting(self, inputs: int) -> Self:
        """Give a way out that takes only answers with as many vectors as there are inputs."""
        return msgspec.structs.replace(self, inputs=inputs)

    def encode(self, question: Question, model: str, *, stream: bool) -> Fields:  # noqa: ARG002
        """Write the body; raises InvalidRequest for tokens, which this server does not take."""
        embedding = as_embedding(question)
        if not all(isinstance(text, str) for text in embedding.inputs):
            raise InvalidRequest("This model embeds texts, not tokens.", param="input")
        fields = {"model": raw(model), "input": raw(embedding.inputs)}
        if embedding.dimensions is not None:
            fields["dimensions"] = raw(embedding.dimensions)
        if options := options_of(embedding.extra):
            fields["options"] = raw(options)
        return {**fields, **top_level_of(embedding.extra)}

    def drops(self, name: str) -> bool:
        """Tell whether a client's further field stays behind."""
        return not is_known(name)

    def adapt(self, fields: Fields, model: str, *, stream: bool) -> Fields:  # noqa: ARG002
        """Change the model."""
        return {**fields, "model": raw(model)}

    def decode(self, body: bytes) -> list[Event]:
        """Read a whole answer; raises Garbled for a missing or an empty vector."""
        try:
            answer = _ANSWER.decode(body)
        except NOT_JSON:
            raise Garbled("The upstream's answer is no list of embeddings.") from None
        check_count(len(answer.embeddings), self.inputs)
        if not all(answer.embeddings):
            raise Garbled("The upstream answered with an empty embedding.")
        return [
            Started(id="", model=answer.model),
            *(Vector(index=i, values=values) for i, values in enumerate(answer.embeddings)),
            Used(usage=Usage(input=counted(answer.prompt_eval_count))),
        ]

    def usage(self, body: bytes) -> Usage | None:
        """Find the usage of a whole answer."""
        return next((e.usage for e in self.decode(body) if isinstance(e, Used)), None)

    def decoder(self) -> WholeDecoder:
        """Start to read a "stream": there is none, so the whole answer is read at its end."""
        return WholeDecoder(self.decode)

    def relay(self, *, wants_usage: bool) -> WatchedRelay:  # noqa: ARG002 - always in the answer
        """Start to pass an answer on."""
        return WatchedRelay(self.decoder(), WholeLines().feed)

    def fault(self, status: int, headers: Mapping[bytes, bytes], body: bytes) -> UpstreamError:
        """Read an error answer."""
        return ollama_errors.fault(status, headers, body)


WAY_OUT = EmbedOut()
