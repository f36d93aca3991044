"""Signs of life while an upstream is silent: in every format, before the first token, between events.

Proxies cut connections that are silent for a minute, and models think for longer.
"""

import asyncio
import itertools
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.support.faults import DIALECTS, Cut, Fault, FaultyUpstream
from tests.support.pairs import PAIRS, TEXTS, Pair, config
from tests.support.served import Gateway, running
from tests.support.stream_client import Told, ask, question

pytestmark = pytest.mark.asyncio(loop_scope="module")

BEATS = {
    "openai_chat": b": ping\n\n",
    "openai_responses": b": ping\n\n",
    "anthropic_messages": b'event: ping\ndata: {"type": "ping"}\n\n',
}
SEEDS = itertools.count(9_000_000)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def upstream() -> AsyncIterator[FaultyUpstream]:
    async with FaultyUpstream() as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(
    tmp_path_factory: pytest.TempPathFactory, upstream: FaultyUpstream
) -> AsyncIterator[Gateway]:
    settings: dict[str, Any] = {"server": {"heartbeat_interval": 0.1}}
    folder = tmp_path_factory.mktemp("gw") / "s"
    async with running(folder, config=config(upstream.port, **settings)) as served:
        yield served


async def pause(gateway: Gateway, upstream: FaultyUpstream, pair: Pair, at: int) -> Told:
    """Ask; the upstream is silent before byte `at`, until there is a heartbeat."""
    cut = Cut(fault=Fault.PAUSE, at=at, held=at, seed=next(SEEDS))
    body = question(pair.way_in, pair.model, cut.text())
    async with asyncio.timeout(60.0):
        return await ask(
            gateway.port,
            pair.way_in,
            body,
            lambda: upstream.open(cut.seed),
            BEATS[pair.way_in],
        )


def judge(told: Told, pair: Pair) -> list[str]:
    """Say what is wrong with an answer that had a pause."""
    beat = BEATS[pair.way_in]
    wrong = []
    if not (told.status == 200 and told.is_whole and told.is_complete and not told.errors):
        wrong.append(f"no proper answer: {told.status} {told.errors}")
    if told.text != TEXTS[pair.way_out]:
        wrong.append(f"not the text: {told.text!r}")
    if beat not in told.raw:
        wrong.append("no heartbeat")
    if re.search(rb"(?s)[^\n]\n?" + re.escape(beat), told.raw):
        wrong.append("a heartbeat inside an event")
    return wrong


@pytest.mark.parametrize("pair", PAIRS, ids=str)
async def test_they_come_wherever_it_pauses_and_never_inside_an_event(
    gateway: Gateway, upstream: FaultyUpstream, pair: Pair
) -> None:
    ends = DIALECTS[pair.way_out].ends
    places = [0, *ends[:-1], *(end - 5 for end in ends), *(end - 1 for end in ends)]
    answers = await asyncio.gather(*[pause(gateway, upstream, pair, at) for at in places])
    found = {at: judge(told, pair) for at, told in zip(places, answers, strict=True)}
    assert not {at: wrong for at, wrong in found.items() if wrong}


@pytest.mark.parametrize("pair", PAIRS[:3], ids=str)
async def test_without_them_the_bytes_are_the_upstreams_own(
    gateway: Gateway, upstream: FaultyUpstream, pair: Pair
) -> None:
    dialect = DIALECTS[pair.way_out]
    told = await pause(gateway, upstream, pair, dialect.ends[1] - 7)
    own = told.raw.replace(BEATS[pair.way_in], b"")
    # The usage that this client did not ask for is kept back; and what it wanted to be stored is said.
    theirs = re.sub(rb'data: \{[^\n]*"choices":\[\],"usage"[^\n]*\n\n', b"", dialect.stream)
    assert own.replace(b'"store":false', b'"store":true') == theirs


@pytest.mark.parametrize("pair", PAIRS[:3], ids=str)
async def test_an_error_after_them_is_an_event(
    gateway: Gateway, upstream: FaultyUpstream, pair: Pair
) -> None:
    """The 200 is out by then; nobody else is asked in vain, and the client is told."""
    cut = Cut(fault=Fault.GARBAGE, at=0, held=0, seed=next(SEEDS))  # held: until it has a 200
    told = await ask(
        gateway.port,
        pair.way_in,
        question(pair.way_in, pair.model, cut.text()),
        lambda: upstream.open(cut.seed),
    )
    assert (told.status, told.is_whole, told.is_complete) == (200, True, False)
    assert len(told.errors) == 1
    assert told.raw.startswith(BEATS[pair.way_in])


async def test_they_can_be_switched_off(tmp_path: Path, upstream: FaultyUpstream) -> None:
    settings: dict[str, Any] = {"server": {"heartbeat_interval": 0}}
    async with running(
        tmp_path / "s",
        config=config(upstream.port, **settings),
    ) as silent:
        for pair in PAIRS[:3]:
            cut = Cut(fault=Fault.PAUSE, at=0, held=0, seed=next(SEEDS))
            body = question(pair.way_in, pair.model, cut.text())
            asking = asyncio.ensure_future(ask(silent.port, pair.way_in, body))
            await asyncio.sleep(0.5)
            upstream.open(cut.seed)
            told = await asking
            assert told.text == TEXTS[pair.way_out]
            assert BEATS[pair.way_in] not in told.raw
