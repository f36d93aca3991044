"""OpenAI's chat shape as the local models speak it: read a question, write pieces as an answer."""

import itertools
import time
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Raw

from hx_gateway.core import wire
from hx_gateway.core.errors import InvalidRequest
from hx_gateway.core.http import JSON_TYPE, SSE_TYPE, Response

_DONE = b"data: [DONE]\n\n"
_HEARTBEAT = b": still thinking\n\n"


class TextPart(msgspec.Struct):
    """A piece of a message's content."""

    type: str
    text: str | None = None


class Turn(msgspec.Struct):
    """One message."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[TextPart] | None = None

    def text(self) -> str:
        """Give the content as text; raises InvalidRequest for pictures and the like."""
        if isinstance(self.content, str):
            return self.content
        parts = self.content or []
        if any(part.text is None for part in parts):
            raise InvalidRequest("The local model reads text only.", param="messages")
        return "".join(part.text or "" for part in parts)


class JsonSchema(msgspec.Struct):
    """The schema inside `response_format`."""

    schema: Raw = Raw(b"{}")


class ResponseFormat(msgspec.Struct):
    """What the answer must look like."""

    type: Literal["text", "json_object", "json_schema"] = "text"
    json_schema: JsonSchema | None = None


class StreamOptions(msgspec.Struct):
    """Whether a stream ends with the usage."""

    include_usage: bool | None = None


Count = Annotated[int, Meta(ge=1)]


class ChatBody(msgspec.Struct):
    """The fields of OpenAI's request that a small text model can honour; others are ignored."""

    messages: Annotated[list[Turn], Meta(min_length=1)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Count | None = None
    max_completion_tokens: Count | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(gt=0, le=1)] | None = None
    stop: str | Annotated[list[str], Meta(max_length=4)] | None = None
    n: Literal[1] | None = None
    response_format: ResponseFormat | None = None

    def stops(self) -> list[str]:
        """Give the texts that end the answer."""
        return [self.stop] if isinstance(self.stop, str) else self.stop or []

    def limit(self, default: int) -> int:
        """Give the most tokens the answer may have."""
        return min(self.max_completion_tokens or self.max_tokens or default, default)


class Piece(msgspec.Struct, frozen=True):
    """A bit of an answer. The last one says why it ended and what was read and written."""

    text: str
    finish: str | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0


Pieces = AsyncGenerator[Piece, None]


class Answers:
    """Writes the answers of one model; `fingerprint` is shown as `system_fingerprint`."""

    def __init__(self, model: str, fingerprint: str) -> None:
        """Count from one."""
        self._model = model
        self._fingerprint = fingerprint
        self._ids = itertools.count(1)

    async def write(self, body: ChatBody, pieces: Pieces) -> Response:
        """Answer with the pieces, as one object or as a stream; closes them in any case.

        The first piece is awaited before a stream is promised, so that what cannot be answered
        still becomes an error with a status.
        """
        try:
            first = await anext(pieces)
            head = self._head()
            if body.stream:
                wants_usage = bool(body.stream_options and body.stream_options.include_usage)
                chunks = _Stream(head, first, pieces, wants_usage=wants_usage)
                pieces = _nothing()  # the stream closes them now
                return Response(200, b"", [SSE_TYPE], chunks=chunks, heartbeat=_HEARTBEAT)
            rest = [piece async for piece in pieces]
            return Response(200, _whole(head, [first, *rest]), [JSON_TYPE])
        finally:
            await pieces.aclose()

    def _head(self) -> dict[str, object]:
        return {
            "id": f"chatcmpl-local-{next(self._ids)}",
            "created": int(time.time()),  # noqa: TID251 - a label of the wire, nothing depends on it
            "model": self._model,
            "system_fingerprint": self._fingerprint,
        }


async def _nothing() -> Pieces:
    for piece in tuple[Piece, ...]():
        yield piece


class _Stream:
    """An answer on its way out as server-sent events."""

    def __init__(
        self, head: dict[str, object], first: Piece, rest: Pieces, *, wants_usage: bool
    ) -> None:
        self._head = {**head, "object": "chat.completion.chunk"}
        self._rest = rest
        self._events = self._write(first, wants_usage=wants_usage)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._events

    async def aclose(self) -> None:
        await self._events.aclose()
        await self._rest.aclose()

    async def _write(self, first: Piece, *, wants_usage: bool) -> AsyncGenerator[bytes, None]:
        yield self._event({"role": "assistant", "content": ""}) + self._piece(first)
        last = first
        async for piece in self._rest:
            last = piece
            yield self._piece(piece)
        if wants_usage:
            yield _sse({**self._head, "choices": [], "usage": _usage(last)})
        yield _DONE

    def _piece(self, piece: Piece) -> bytes:
        text = self._event({"content": piece.text}) if piece.text else b""
        return text + (self._event({}, piece.finish) if piece.finish else b"")

    def _event(self, delta: dict[str, str], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return _sse({**self._head, "choices": [choice]})


def _sse(value: object) -> bytes:
    return b"data: " + wire.encode(value) + b"\n\n"


def _whole(head: dict[str, object], pieces: list[Piece]) -> bytes:
    last = pieces[-1]
    message = {"role": "assistant", "content": "".join(piece.text for piece in pieces)}
    choice = {"index": 0, "message": message, "finish_reason": last.finish or "stop"}
    return wire.encode(
        {**head, "object": "chat.completion", "choices": [choice], "usage": _usage(last)}
    )


def _usage(last: Piece) -> dict[str, int]:
    return {
        "prompt_tokens": last.prompt_tokens,
        "completion_tokens": last.completion_tokens,
        "total_tokens": last.prompt_tokens + last.completion_tokens,
    }
