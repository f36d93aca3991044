"""What a client is told about keeping is what was done, whole and streamed."""

from collections.abc import AsyncIterator

import pytest
from msgspec import Raw
from tests.support.clock import FakeClock
from tests.support.pipelines import CALLER, collect

from hx_gateway.core import wire
from hx_gateway.core.http import Response
from hx_gateway.core.snapshot import ResponseSettings
from hx_gateway.manage.responses import ResponseShelf
from hx_gateway.store.memory import MemoryStore
from hx_gateway.web.keeping import Keeper, KeepingStream

SAID = Raw(b"[]")
BODY = b'{"id":"resp_1","status":"completed","previous_response_id":null,"store":true,"output":[]}'
DELTA = b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta"}\n\n'
# What a model says about the end of an answer is not the end of it.
TALK = (
    b'data: {"type":"response.output_text.delta","delta":"\\"response.completed\\" '
    b'\\"store\\":true","response":null}\n\n'
)
START = b'data: {"type":"response.created","response":' + BODY + b"}\n\n"
END = b'event: response.completed\ndata: {"type":"response.completed","response":' + BODY + b"}\n\n"


class Pieces:
    """Chunks out of a list."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = list(pieces)
        self.closed = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece

    async def aclose(self) -> None:
        self.closed += 1

    def last_words(self) -> bytes:
        return b"bye"


class Shelf:
    """A shelf over a memory store, and what lies on it."""

    def __init__(self, max_bytes: int = 10_000) -> None:
        self.store = MemoryStore()
        settings = ResponseSettings(max_bytes=max_bytes)
        self.shelf = ResponseShelf(self.store, settings, FakeClock())

    def keeper(self, *, stores: bool = True, previous: str | None = None) -> Keeper:
        return Keeper(
            shelf=self.shelf if stores else None,
            caller=CALLER,
            conversation=SAID,
            previous_id=previous,
        )

    async def kept(self) -> str | None:
        found = await self.store.get_response(f"key:{CALLER.key_id}", "resp_1", now=0)
        return None if found is None else found.response


async def test_a_whole_answer_is_kept_as_it_is_given() -> None:
    shelf = Shelf()
    response = await shelf.keeper().whole(Response(200, BODY))
    assert response.body == BODY
    assert (b"x-hx-stored", b"true") in response.headers
    assert await shelf.kept() == BODY.decode()


@pytest.mark.parametrize("stores", [True, False], ids=["too large", "not wanted"])
async def test_an_answer_that_is_not_kept_says_so(stores: bool) -> None:
    shelf = Shelf(max_bytes=10)
    response = await shelf.keeper(stores=stores).whole(Response(200, BODY))
    assert wire.decode_any(response.body)["store"] is False
    assert (b"x-hx-stored", b"false") in response.headers
    assert await shelf.kept() is None


async def test_a_stream_is_kept_when_it_is_complete() -> None:
    shelf = Shelf()
    given = KeepingStream(Pieces(START, DELTA, TALK, DELTA + END), shelf.keeper())
    assert await collect(given) == START + DELTA + TALK + DELTA + END
    assert await shelf.kept() == BODY.decode()


async def test_a_stream_that_ends_early_is_not_kept() -> None:
    shelf = Shelf()
    assert await collect(KeepingStream(Pieces(START, TALK), shelf.keeper())) == START + TALK
    assert await shelf.kept() is None


async def test_a_stream_that_is_not_kept_says_so_at_its_end() -> None:
    shelf = Shelf(max_bytes=10)
    given = await collect(KeepingStream(Pieces(TALK, END), shelf.keeper()))
    assert given == TALK + END.replace(b'"store":true', b'"store":false')


@pytest.mark.parametrize("null", [b"null", b" null"])
async def test_an_answer_names_the_one_it_follows(null: bytes) -> None:
    """The upstream is not told of it, so its own word for it is null."""
    shelf = Shelf()
    written = END.replace(b'_id":null', b'_id":' + null)
    given = await collect(KeepingStream(Pieces(written), shelf.keeper(previous="resp_0")))
    assert b'"previous_response_id":"resp_0"' in given
    kept = await shelf.kept()
    assert kept is not None
    assert '"previous_response_id":"resp_0"' in kept


async def test_closing_and_last_words_go_through() -> None:
    pieces = Pieces(DELTA)
    stream = KeepingStream(pieces, Shelf().keeper())
    assert stream.last_words() == b"bye"
    await stream.aclose()
    assert pieces.closed == 1
