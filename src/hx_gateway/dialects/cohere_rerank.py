"""Rerank: which of some documents answer a query best. Cohere's shape, which most others took over.

Format: https://docs.cohere.com/reference/rerank. Those that differ do so in names only.
"""

from collections.abc import Mapping

import msgspec
from msgspec import Raw
from msgspec.json import Decoder

from hx_gateway.core import wire
from hx_gateway.core.call import Call
from hx_gateway.core.chat import Ranking
from hx_gateway.core.errors import Garbled, GatewayError, InvalidRequest, UpstreamError
from hx_gateway.core.event import Event, Ranked, Started, Used
from hx_gateway.core.provider import Question
from hx_gateway.core.usage import Measured, Usage, counted
from hx_gateway.core.wire import NOT_JSON, Fields, raw
from hx_gateway.dialects import openai_errors
from hx_gateway.dialects.fields import COUNT, SWITCH, TEXT, FieldReader, is_nothing, present
from hx_gateway.dialects.framed import FramedRelay
from hx_gateway.dialects.openai_relay import openai_relay
from hx_gateway.dialects.whole import WholeDecoder, WholeWriter

NAME = "cohere_rerank"

_DOCUMENTS = Decoder(list[Raw] | None)


class _Text(msgspec.Struct):
    text: Raw


class _Tokens(msgspec.Struct):
    input_tokens: float | None = None
    output_tokens: float | None = None


class _Billed(msgspec.Struct):
    search_units: float | None = None
    input_tokens: float | None = None
    total_tokens: float | None = None


class _Meta(msgspec.Struct):
    billed_units: _Billed | None = None
    tokens: _Tokens | None = None


class _Counted(msgspec.Struct):
    total_tokens: int | None = None
    prompt_tokens: int | None = None


class _Result(msgspec.Struct):
    index: int
    relevance_score: float
    document: Raw = Raw(b"")


class _Answer(msgspec.Struct):
    id: str | None = None
    model: str | None = None
    results: list[_Result] | None = None
    data: list[_Result] | None = None
    meta: _Meta | None = None
    usage: _Counted | None = None
    error: dict[str, object] | str | None = None

    def count(self) -> Usage | None:
        """Read what was billed, in whichever of the places it stands."""
        meta = self.meta or _Meta()
        billed, tokens = meta.billed_units or _Billed(), meta.tokens or _Tokens()
        used = self.usage or _Counted()
        spent = (
            tokens.input_tokens
            or billed.input_tokens
            or billed.total_tokens
            or used.total_tokens
            or used.prompt_tokens
        )
        searches = counted(billed.search_units)
        if spent is None and not searches:
            return None
        output = counted(tokens.output_tokens)
        return Measured(input=counted(spent), output=output, searches=searches)


_ANSWER = Decoder(_Answer)
_TEXT_IN = Decoder(_Text)


class RerankIn:
    """The way in; see `WayIn`. There is no stream."""

    name = NAME

    def read(self, call: Call) -> Ranking:
        """Understand the call."""
        check(call.fields)
        fields = FieldReader(call.fields, ignored=frozenset({"model", "stream"}))
        return Ranking(
            query=fields.need("query", TEXT),
            documents=tuple(fields.need("documents", _DOCUMENTS)),
            top_n=fields.take("top_n", COUNT),
            return_documents=fields.take("return_documents", SWITCH),
            extra=fields.rest(),
        )

    def render(self, events: list[Event], call: Call) -> bytes:
        """Write a whole answer, best document first as the upstream has it."""
        results = [_shown(event) for event in events if isinstance(event, Ranked)]
        usage = next((e.usage for e in events if isinstance(e, Used)), None)
        answer: dict[str, object] = {"id": call.id, "results": results}
        if usage is not None:
            billed: dict[str, int] = {"total_tokens": usage.total}
            if isinstance(usage, Measured) and usage.searches:
                billed["search_units"] = usage.searches
            tokens = {"input_tokens": usage.input, "output_tokens": usage.output}
            answer["meta"] = {"billed_units": billed, "tokens": tokens}
        return wire.encode(answer)

    def writer(self, call: Call) -> WholeWriter:
        """Start to write a "stream": the whole answer at its end."""
        return WholeWriter(lambda events: self.render(events, call))

    def error(self, error: GatewayError, request_id: str) -> bytes:
        """Write an error body."""
        return openai_errors.envelope(error, request_id)

    def stream_error(self, error: GatewayError, request_id: str) -> bytes:
        """Write the event that ends a broken stream."""
        return openai_errors.stream_envelope(error, request_id)


class RerankOut(msgspec.Struct, frozen=True, kw_only=True):
    """The way out; see `WayOut`.

    For those who are translated to: `top` is what the vendor calls the number of results, `unknown`
    are fields it refuses, and with `texts_only` it takes no documents that are objects.
    """

    name: str = NAME
    path: str = "/rerank"
    top: str = "top_n"
    unknown: frozenset[str] = frozenset()
    texts_only: bool = False

    def drops(self, name: str) -> bool:
        """Say whether a translation leaves a field behind."""
        return name in self.unknown

    def encode(self, question: Question, model: str, *, stream: bool) -> Fields:  # noqa: ARG002
        """Write the body of a translated call; there is no stream."""
        if not isinstance(question, Ranking):
            raise InvalidRequest("This model ranks documents only.", code="unsupported_operation")
        fields = {
            "model": raw(model),
            "query": raw(question.query),
            "documents": raw(self._documents(question.documents)),
        }
        optional = {self.top: question.top_n, "return_documents": question.return_documents}
        fields.update((name, raw(value)) for name, value in optional.items() if value is not None)
        kept = {name: value for name, value in question.extra.items() if not self.drops(name)}
        return {**kept, **fields}

    def adapt(self, fields: Fields, model: str, *, stream: bool) -> Fields:  # noqa: ARG002
        """Change the model; raises InvalidRequest when there is nothing to rank."""
        check(fields)
        return {**fields, "model": raw(model)}

    def decode(self, body: bytes) -> list[Event]:
        """Read a whole answer."""
        answer = _read(body)
        events: list[Event] = [Started(id=answer.id or "", model=answer.model or "")]
        events += map(_ranked, answer.results or answer.data or ())
        usage = answer.count()
        return events if usage is None else [*events, Used(usage=usage)]

    def usage(self, body: bytes) -> Usage | None:
        """Find the usage of a relayed answer; raises Garbled when it is no ranking."""
        return _read(body).count()

    def decoder(self) -> WholeDecoder:
        """Start to read a "stream": there is none, so the whole answer is read at its end."""
        return WholeDecoder(self.decode)

    def relay(self, *, wants_usage: bool) -> FramedRelay:
        """Start to pass a stream on; no upstream sends one."""
        return openai_relay(wants_usage=wants_usage)

    def fault(self, status: int, headers: Mapping[bytes, bytes], body: bytes) -> UpstreamError:
        """Read an error answer; Cohere's `message` stands where others have an object."""
        return openai_errors.fault(status, headers, body)

    def _documents(self, documents: tuple[Raw, ...]) -> tuple[Raw, ...]:
        return tuple(map(_text_of, documents)) if self.texts_only else documents


def check(fields: Mapping[str, Raw]) -> None:
    """Raise InvalidRequest when there is no query, or nothing to rank."""
    for name in ("query", "documents"):
        if name not in fields:
            raise InvalidRequest(f"Missing required parameter: '{name}'.", param=name)
    if is_nothing(fields["query"]):
        raise InvalidRequest("'query' is empty.", param="query")
    try:
        documents = _DOCUMENTS.decode(fields["documents"])
    except msgspec.ValidationError:
        raise InvalidRequest("'documents' must be a list.", param="documents") from None
    if not documents or any(map(is_nothing, documents)):
        raise InvalidRequest("'documents' is empty, or has an empty entry.", param="documents")


def _read(body: bytes) -> _Answer:
    try:
        answer = _ANSWER.decode(body)
    except NOT_JSON:
        raise Garbled("The upstream's answer is no ranking.") from None
    if answer.error is not None:
        raise openai_errors.stream_fault(body)
    if answer.results is None and answer.data is None:
        raise Garbled("The upstream's answer is no ranking.")
    return answer


def _text_of(document: Raw) -> Raw:
    if bytes(document)[:1] != b"{":
        return document
    try:
        return _TEXT_IN.decode(document).text
    except NOT_JSON:
        raise InvalidRequest(
            "This model takes documents that are texts, or objects with a 'text'.",
            param="documents",
        ) from None


def _ranked(result: _Result) -> Ranked:
    return Ranked(
        index=result.index, score=result.relevance_score, document=present(result.document)
    )


def _shown(event: Ranked) -> dict[str, object]:
    shown: dict[str, object] = {"index": event.index, "relevance_score": event.score}
    if event.document is not None:
        # Some upstreams give the bare text, where the client's format has an object.
        is_text = bytes(event.document)[:1] == b'"'
        shown["document"] = {"text": event.document} if is_text else event.document
    return shown


WAY_IN = RerankIn()
WAY_OUT = RerankOut()
