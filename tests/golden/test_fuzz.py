"""Chance against every way out: damaged answers, streams cut anywhere, answers without an end.

Each run tries the same; `HX_FUZZ_SEED` tries others. The long forms are marked slow.
"""

import os
import random
import time
from collections.abc import Iterator
from contextlib import suppress

import msgspec
import pytest
from tests.golden.test_garbage import DAMAGE, damaged
from tests.support.golden import Case, answer_cases, decoded, pieces, recorded

from hx_gateway.core.call import Call
from hx_gateway.core.errors import UpstreamError
from hx_gateway.core.provider import Relay, WayOut
from hx_gateway.dialects.registry import WAYS_IN
from hx_gateway.pipeline.reply import Translation

SECONDS = 60.0
MOST_HELD = 16 * 1024 * 1024
_CLIENTS = ("openai_chat", "anthropic_messages", "openai_responses")

Recorded = tuple[WayOut, Call, bytes]


def of(*, stream: bool) -> list[Recorded]:
    return [prepared(case) for case in answer_cases(stream=stream)]


def prepared(case: Case) -> Recorded:
    _, _, body = recorded(case.path("response.http"))
    return case.out, case.call(), body


@pytest.fixture
def chance() -> random.Random:
    seed = int(os.environ.get("HX_FUZZ_SEED") or 1)
    return random.Random(seed)


def cuts(chance: random.Random, most: int) -> list[int]:
    return [chance.randrange(1 << 20) for _ in range(chance.randrange(most))]


def hits(chance: random.Random) -> list[tuple[int, int, bytes]]:
    return [
        (chance.randrange(1 << 16), chance.randrange(40), chance.choice(DAMAGE))
        for _ in range(chance.randrange(1, 5))
    ]


def in_time(number: int, seconds: float = SECONDS) -> Iterator[int]:
    """Count to a number, or as far as the CPU seconds go: a slow machine tests less."""
    end = time.process_time() + seconds
    for count in range(number):
        if time.process_time() > end:
            print(f"stopped after {count}")
            return
        yield count


def answer(out: WayOut, call: Call, body: bytes, where: list[int]) -> None:
    """Do with an answer what the gateway would do: whole or streamed, relayed or translated."""
    if not call.stream:
        with suppress(UpstreamError):
            events = out.decode(body)
            if call.dialect in _CLIENTS:
                for name in _CLIENTS:
                    WAYS_IN[name].render(events, msgspec.structs.replace(call, dialect=name))
        with suppress(UpstreamError):
            out.usage(body)
        return
    passages: list[Translation | Relay] = [out.relay(wants_usage=False)]
    for name in _CLIENTS:
        writer = WAYS_IN[name].writer(msgspec.structs.replace(call, dialect=name))
        passages.append(Translation(out.decoder(), writer))
    for passage in passages:
        with suppress(UpstreamError):
            for piece in pieces(body, where):
                passage.feed(piece)
            passage.end()


def fuzz(chance: random.Random, number: int, seconds: float) -> None:
    known = [*of(stream=True), *of(stream=False)]
    for _ in in_time(number, seconds):
        out, call, body = chance.choice(known)
        answer(out, call, damaged(body, hits(chance)), cuts(chance, 4))


def rechunk(chance: random.Random, number: int, seconds: float) -> None:
    streams = of(stream=True)
    whole = [decoded(out.decoder(), [body]) for out, _, body in streams]
    for _ in in_time(number, seconds):
        which = chance.randrange(len(streams))
        out, _, body = streams[which]
        parts = pieces(body, cuts(chance, chance.choice((3, 20, 200))))
        assert decoded(out.decoder(), parts) == whole[which]
        relay = out.relay(wants_usage=True)
        assert b"".join([*map(relay.feed, parts), relay.end()]) == body


def test_damage_is_survived(chance: random.Random) -> None:
    fuzz(chance, 2000, 5.0)


def test_a_stream_says_the_same_however_it_is_cut(chance: random.Random) -> None:
    rechunk(chance, 500, 5.0)


@pytest.mark.slow
def test_a_hundred_thousand_damaged_answers(chance: random.Random) -> None:
    fuzz(chance, 100_000, SECONDS)


@pytest.mark.slow
def test_ten_thousand_streams_cut_at_random(chance: random.Random) -> None:
    rechunk(chance, 10_000, SECONDS)


@pytest.mark.parametrize(
    "filler", [b"a" * 65_536, b'data: {"a":"' + b"b" * 65_536, b": \n" * 20_000]
)
@pytest.mark.parametrize("recording", of(stream=True), ids=lambda each: f"{each[0].name}")
def test_an_answer_without_an_end_is_not_kept(recording: Recorded, filler: bytes) -> None:
    """Comments may go on for ever; whatever is held back for later has a limit."""
    out, _, _ = recording
    for passage in (out.decoder(), out.relay(wants_usage=False)):
        given = held = 0
        with suppress(UpstreamError):
            while given < 2 * MOST_HELD:
                given += len(filler)
                held += len(filler) - len(passage.feed(filler)) if filler[0:1] != b":" else 0
                assert held < MOST_HELD
