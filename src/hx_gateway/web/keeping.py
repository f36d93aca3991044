"""Keeping an answer on its way to the client: what the client is told of it is what was done."""

import msgspec
from msgspec import Raw

from hx_gateway.core import wire
from hx_gateway.core.http import Chunks, Response
from hx_gateway.core.principal import Principal
from hx_gateway.dialects import sse
from hx_gateway.manage.responses import ResponseShelf

# A quote inside a JSON string is escaped, so what a model says cannot look like these.
_ENDS = (b'"response.completed"', b'"response.incomplete"')
_OBJECT = b'"response"'
_STORED = ((b'"store":true', b'"store":false'), (b'"store": true', b'"store": false'))
_NO_PREVIOUS = (b'"previous_response_id":null', b'"previous_response_id": null')


class _Event(msgspec.Struct):
    type: str
    response: Raw = Raw(b"")


_EVENT = msgspec.json.Decoder(_Event)


class Keeper:
    """What is to be done with one answer. Without a shelf it is not kept."""

    def __init__(
        self,
        *,
        shelf: ResponseShelf | None,
        caller: Principal,
        conversation: Raw,
        previous_id: str | None,
    ) -> None:
        """`conversation` is what the answer answers; `previous_id` what it follows."""
        self._shelf = shelf
        self._caller = caller
        self._conversation = conversation
        self._previous_id = previous_id

    async def whole(self, response: Response) -> Response:
        """Keep a whole answer, and say so in `x-hx-stored`."""
        body = self.follow(response.body)
        kept = await self.keep(Raw(body))
        response.body = body if kept else not_stored(body)
        response.headers.append((b"x-hx-stored", b"true" if kept else b"false"))
        return response

    async def keep(self, answer: Raw) -> bool:
        """Keep the object of a complete answer; False when it was not."""
        shelf = self._shelf
        return shelf is not None and await shelf.keep(self._caller, self._conversation, answer)

    def follow(self, data: bytes) -> bytes:
        """Name the answer that this one follows: an upstream was not told of it."""
        if self._previous_id is None:
            return data
        named = b'"previous_response_id":' + wire.encode(self._previous_id)
        for null in _NO_PREVIOUS:
            data = data.replace(null, named)
        return data


class KeepingStream:
    """A stream that is kept when it is complete, before its last event leaves."""

    def __init__(self, chunks: Chunks, keeper: Keeper) -> None:
        """Every piece of `chunks` holds whole events."""
        self._chunks = chunks
        self._pieces = aiter(chunks)
        self._keeper = keeper

    def __aiter__(self) -> "KeepingStream":
        """Iterate over itself."""
        return self

    async def __anext__(self) -> bytes:
        """Give the next piece."""
        piece = await anext(self._pieces)
        if piece.find(_OBJECT) < 0:
            return piece
        piece = self._keeper.follow(piece)
        if any(piece.find(end) >= 0 for end in _ENDS):
            return b"".join([await self._judged(event) for event in sse.split(piece)])
        return piece

    async def _judged(self, event: bytes) -> bytes:
        try:
            seen = _EVENT.decode(sse.data_of(event))
        except wire.NOT_JSON:
            return event
        if not seen.response or f'"{seen.type}"'.encode() not in _ENDS:
            return event
        return event if await self._keeper.keep(seen.response) else not_stored(event)

    def last_words(self) -> bytes:
        """Give the event that ends it when the gateway stops."""
        words = getattr(self._chunks, "last_words", None)
        return b"" if words is None else bytes(words())

    async def aclose(self) -> None:
        """Stop the stream."""
        await self._chunks.aclose()


def not_stored(data: bytes) -> bytes:
    """Say that an answer was not kept."""
    for true, false in _STORED:
        data = data.replace(true, false)
    return data
