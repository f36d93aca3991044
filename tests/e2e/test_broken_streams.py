"""A stream that breaks, wherever and however: one error event, no false success, nothing twice.

The same reference streams as in the golden files, cut after every event by every fault, through
every kind of passage. The slow version cuts at every byte.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from tests.support.faults import BETWEEN, DIALECTS, Cut, Fault, FaultyUpstream
from tests.support.pairs import HASTY, HELPED, PAIRS, TEXTS, Pair, config
from tests.support.served import Gateway
from tests.support.stream_client import Told, ask, question

pytestmark = pytest.mark.asyncio(loop_scope="module")

AT_ONCE = 24
STALLED_AT_ONCE = 200  # they only wait


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def upstream() -> AsyncIterator[FaultyUpstream]:
    async with FaultyUpstream() as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(
    tmp_path_factory: pytest.TempPathFactory, upstream: FaultyUpstream
) -> AsyncIterator[Gateway]:
    served = Gateway(tmp_path_factory.mktemp("gw") / "s", config=config(upstream.port))
    served.start()
    try:
        await served.wait_ready()
        yield served
    finally:
        await served.stop()


class Trials:
    """Runs cuts, some at a time, and judges each; `wrong` tells which failed and how."""

    def __init__(self, gateway: Gateway, upstream: FaultyUpstream, pair: Pair) -> None:
        self._gateway = gateway
        self._upstream = upstream
        self._pair = pair
        self._dialect = DIALECTS[pair.way_out]
        self._room = asyncio.Semaphore(AT_ONCE)
        self._waiting_room = asyncio.Semaphore(STALLED_AT_ONCE)
        self._seeds = itertools.count(upstream.next_seed())
        self.count = 0
        self.wrong: list[str] = []

    @property
    def ends(self) -> list[int]:
        return self._dialect.ends

    @property
    def held(self) -> int:
        return self.ends[self._pair.first - 1]

    def cuts(self, places: list[int]) -> Iterator[Cut]:
        for fault in [each for each in Fault if each is not Fault.PAUSE]:
            for at in places:
                if at == self.ends[-1] and fault is Fault.SHORT:
                    continue  # a proper answer, and a connection that closes at any moment
                if fault not in BETWEEN or at in (0, *self.ends):
                    self.count += 1
                    yield Cut(fault=fault, at=at, held=self.held, seed=next(self._seeds))

    async def run(self, cuts: Iterator[Cut], suffix: str = "") -> None:
        await asyncio.gather(*[self._one(cut, suffix) for cut in cuts])

    async def _one(self, cut: Cut, suffix: str) -> None:
        is_stalled = cut.fault is Fault.STALL
        async with self._waiting_room if is_stalled else self._room:
            model = self._pair.model + suffix + (HASTY if is_stalled else "")
            body = question(self._pair.way_in, model, cut.text())
            try:
                async with asyncio.timeout(60.0):
                    told = await ask(
                        self._gateway.port,
                        self._pair.way_in,
                        body,
                        lambda: self._upstream.open(cut.seed),
                    )
            except Exception as error:  # noqa: BLE001 - all failures are shown together
                self.wrong.append(f"{cut.text()}: {error!r}")
                return
        if (why := self.judge(cut, told, helped=bool(suffix))) is not None:
            self.wrong.append(f"{cut.text()}: {why}: {told.raw[-300:]!r}")

    def judge(self, cut: Cut, told: Told, *, helped: bool) -> str | None:
        """Say what is wrong with what a client was told, if anything."""
        # One byte before the end of an event it is there; what comes then may complete it.
        if cut.at < cut.held - 1 or (cut.at < cut.held and told.status != 200):
            return _judge_before(told, helped=helped)
        return self._judge_after(cut, told, TEXTS[self._pair.way_out])

    def _judge_after(self, cut: Cut, told: Told, whole: str) -> str | None:
        if told.status != 200 or not told.is_whole:
            return f"not a proper stream ({told.status}, whole: {told.is_whole})"
        if not whole.startswith(told.text):
            return f"text is not what was said: {told.text!r}"
        done = self.ends[self._dialect.done - 1] - 1
        if cut.at >= done and told.is_complete and not told.errors:
            return None if told.text == whole else f"success without all of the text: {told.text!r}"
        if told.is_complete:
            return "a false success"
        if len(told.errors) != 1 or told.after_error:
            return f"{len(told.errors)} errors, {told.after_error} events after one"
        return None


def _judge_before(told: Told, *, helped: bool) -> str | None:
    if helped:
        is_helped = told.status == 200 and told.text == "help" and told.is_complete
        return None if is_helped and not told.errors else f"not helped: {told.status} {told.text!r}"
    if told.status not in {502, 503, 504} or len(told.errors) != 1:
        return f"no true error status: {told.status}"
    return None


@pytest.mark.parametrize("pair", PAIRS, ids=str)
async def test_reference_streams_arrive_when_nothing_breaks(gateway: Gateway, pair: Pair) -> None:
    """The control: the judge would see a success."""
    told = await ask(gateway.port, pair.way_in, question(pair.way_in, pair.model, "hi"))
    assert (told.status, told.is_whole, told.is_complete) == (200, True, True)
    assert told.text == TEXTS[pair.way_out]
    assert told.errors == []


@pytest.mark.parametrize("pair", PAIRS, ids=str)
async def test_a_cut_after_any_event_ends_with_one_error(
    gateway: Gateway, upstream: FaultyUpstream, pair: Pair
) -> None:
    trials = Trials(gateway, upstream, pair)
    await trials.run(trials.cuts([0, *trials.ends]))
    assert trials.count > 20
    assert not trials.wrong, "\n".join(trials.wrong)


@pytest.mark.parametrize("pair", PAIRS, ids=str)
async def test_a_cut_before_the_first_event_is_answered_by_somebody_else(
    gateway: Gateway, upstream: FaultyUpstream, pair: Pair
) -> None:
    trials = Trials(gateway, upstream, pair)
    places = [0, 1, *(end for end in trials.ends if end < trials.held), trials.held - 2]
    await trials.run(trials.cuts(places), HELPED)
    assert not trials.wrong, "\n".join(trials.wrong)


@pytest.mark.slow
@pytest.mark.parametrize("pair", PAIRS[:6], ids=str)
async def test_a_cut_at_any_byte_ends_with_one_error(
    gateway: Gateway, upstream: FaultyUpstream, pair: Pair
) -> None:
    trials = Trials(gateway, upstream, pair)
    await trials.run(trials.cuts([*range(trials.ends[-1])]))
    assert not trials.wrong, "\n".join(trials.wrong[:50])
