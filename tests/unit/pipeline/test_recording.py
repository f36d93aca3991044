"""A stream that is looked at: its bytes stay, its end is told once."""

import asyncio
from collections.abc import Sequence

import pytest
from tests.support.pipelines import DONE, USED, collect, delta

from hx_gateway.core.event import Event, TextDelta
from hx_gateway.dialects import openai_chat
from hx_gateway.pipeline.recording import Recording
from hx_gateway.pipeline.witness import Witness

HELLO = [delta("Hel"), delta("lo"), delta(finish="stop"), USED, DONE]


class Source:
    """A stream from a list."""

    def __init__(self, pieces: Sequence[bytes | Exception]) -> None:
        self.pieces = list(pieces)
        self.closed = 0

    def __aiter__(self) -> "Source":
        return self

    async def __anext__(self) -> bytes:
        await asyncio.sleep(0)
        if not self.pieces or self.closed:
            raise StopAsyncIteration
        piece = self.pieces.pop(0)
        if isinstance(piece, Exception):
            raise piece
        return piece

    async def aclose(self) -> None:
        self.closed += 1

    def last_words(self) -> bytes:
        return b"bye"


class Rig:
    """A recording with everything a test looks at."""

    def __init__(self, *pieces: bytes | Exception, limit: int = 10_000) -> None:
        self.source = Source(pieces)
        self.told: list[list[Event] | None] = []
        self.wanted = False
        self.recording = Recording(
            self.source,
            openai_chat.WAY_OUT.decoder(),
            Witness(),
            limit=limit,
            wanted=lambda: self.wanted,
            done=self.told.append,
        )

    @property
    def text(self) -> str:
        (events,) = self.told
        assert events is not None
        return "".join(event.text for event in events if isinstance(event, TextDelta))


async def test_the_bytes_pass_unchanged_and_the_events_are_told_at_the_end() -> None:
    rig = Rig(*HELLO)
    assert await collect(rig.recording) == b"".join(HELLO)
    assert rig.text == "Hello"
    await rig.recording.aclose()
    assert rig.source.closed == 1
    assert len(rig.told) == 1


@pytest.mark.parametrize(
    "pieces", [[delta("Hel")], [delta("Hel"), b'data: {"error":{"message":"x"}}\n\n'], []]
)
async def test_what_is_not_complete_is_told_as_nothing(pieces: list[bytes]) -> None:
    rig = Rig(*pieces)
    assert await collect(rig.recording) == b"".join(pieces)
    assert rig.told == [None]


async def test_what_is_too_long_passes_and_is_told_as_nothing_at_once() -> None:
    rig = Rig(*HELLO, limit=len(HELLO[0]) + 1)
    await anext(rig.recording)
    assert rig.told == []
    await anext(rig.recording)
    assert rig.told == [None]
    assert await collect(rig.recording) == b"".join(HELLO[2:])


async def test_an_exception_of_the_stream_is_no_answer() -> None:
    rig = Rig(HELLO[0], OSError("gone"))
    with pytest.raises(OSError, match="gone"):
        await collect(rig.recording)
    assert rig.told == [None]


async def test_closed_early_it_is_read_on_only_while_somebody_wants_it() -> None:
    rig = Rig(*HELLO)
    await anext(rig.recording)
    await rig.recording.aclose()
    assert rig.told == [None]
    assert rig.source.closed == 1

    rig = Rig(*HELLO)
    rig.wanted = True
    await anext(rig.recording)
    await rig.recording.aclose()
    assert rig.source.closed == 0
    for _ in range(20):
        await asyncio.sleep(0)
    assert rig.text == "Hello"
    assert rig.source.closed == 1


async def test_when_nobody_wants_it_any_more_reading_on_stops() -> None:
    rig = Rig(*HELLO)
    rig.wanted = True
    await rig.recording.aclose()
    await asyncio.sleep(0)
    rig.wanted = False
    for _ in range(20):
        await asyncio.sleep(0)
    assert rig.told == [None]
    assert rig.source.closed == 1


async def test_the_gateways_last_words_are_those_of_the_stream() -> None:
    rig = Rig(*HELLO)
    await anext(rig.recording)
    assert rig.recording.last_words() == b"bye"
    assert rig.told == [None]
