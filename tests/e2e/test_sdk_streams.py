"""The official SDKs with a stream cut after every event, by every fault: none takes it for whole."""

import asyncio
import itertools
import shutil
from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio
from tests.support.faults import BETWEEN, DIALECTS, Cut, Fault, FaultyUpstream
from tests.support.pairs import HASTY, PAIRS, TEXTS, Pair, config
from tests.support.sdks import PythonAsync, PythonSync, Sdk, Seen, install_node_sdks, node
from tests.support.served import Gateway, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

SEEDS = itertools.count(1)
AT_ONCE = 8


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def upstream() -> AsyncIterator[FaultyUpstream]:
    async with FaultyUpstream() as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(
    tmp_path_factory: pytest.TempPathFactory, upstream: FaultyUpstream
) -> AsyncIterator[Gateway]:
    folder = tmp_path_factory.mktemp("gw") / "s"
    async with running(folder, config=config(upstream.port)) as served:
        yield served


async def try_all(
    sdk: Sdk, upstream: FaultyUpstream, pair: Pair, faults: Sequence[Fault]
) -> list[str]:
    """Cut after every event by each fault; says what looked whole, or was not what was sent."""
    dialect = DIALECTS[pair.way_out]
    held = dialect.ends[pair.first - 1]
    room = asyncio.Semaphore(AT_ONCE)
    wrong: list[str] = []

    async def one(fault: Fault, at: int) -> None:
        cut = Cut(fault=fault, at=at, held=held, seed=next(SEEDS))
        model = pair.model + (HASTY if fault is Fault.STALL else "")
        async with room, asyncio.timeout(60.0):
            seen = await sdk.stream(pair.way_in, model, cut.text(), lambda: upstream.open(cut.seed))
        if why := judge(seen, pair, has_begun=at >= held):
            wrong.append(f"{cut.text()}: {why}: {seen}")

    places = [0, *dialect.ends[: dialect.done - 1]]
    await asyncio.gather(*[one(fault, at) for fault in faults for at in places])
    return wrong


def judge(seen: Seen, pair: Pair, *, has_begun: bool) -> str | None:
    if seen.looks_whole or seen.complete:
        return "it looks whole"
    if not TEXTS[pair.way_out].startswith(seen.text):
        return "not the text"
    if not has_begun and seen.status not in {502, 503, 504}:
        return "not a status error"
    return None


FAULTS: Sequence[Fault] = [fault for fault in Fault if fault is not Fault.PAUSE]


@pytest.mark.parametrize("pair", PAIRS[:6], ids=str)
async def test_whole_streams_look_whole(
    gateway: Gateway, upstream: FaultyUpstream, pair: Pair
) -> None:
    """The control: the judge can see a success."""
    sdk = PythonAsync(gateway)
    seen = await sdk.stream(pair.way_in, pair.model, "hi", lambda: None)
    assert (seen.looks_whole, seen.complete, seen.text) == (True, True, TEXTS[pair.way_out])
    await sdk.aclose()


@pytest.mark.parametrize("pair", PAIRS[:6], ids=str)
async def test_python_asynchronous(gateway: Gateway, upstream: FaultyUpstream, pair: Pair) -> None:
    sdk = PythonAsync(gateway)
    some = [Fault.RESET, Fault.END, Fault.HALF_UTF8, Fault.ERROR, *BETWEEN]
    assert await try_all(sdk, upstream, pair, some) == []
    await sdk.aclose()


@pytest.mark.slow
@pytest.mark.parametrize("kind", [PythonAsync, PythonSync])
@pytest.mark.parametrize("pair", PAIRS[:6], ids=str)
async def test_python_by_every_fault(
    gateway: Gateway,
    upstream: FaultyUpstream,
    pair: Pair,
    kind: type[PythonAsync] | type[PythonSync],
) -> None:
    sdk = kind(gateway)
    assert await try_all(sdk, upstream, pair, FAULTS) == []
    await sdk.aclose()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def node_sdk(
    tmp_path_factory: pytest.TempPathFactory, gateway: Gateway
) -> AsyncIterator[Sdk]:
    folder = tmp_path_factory.mktemp("node")
    await install_node_sdks(folder)
    async with node(gateway, folder) as sdk:
        yield sdk


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
@pytest.mark.parametrize("pair", PAIRS[:6], ids=str)
async def test_node_by_every_fault(upstream: FaultyUpstream, pair: Pair, node_sdk: Sdk) -> None:
    seen = await node_sdk.stream(pair.way_in, pair.model, "hi", lambda: None)
    assert (seen.looks_whole, seen.complete, seen.text) == (True, True, TEXTS[pair.way_out])
    assert await try_all(node_sdk, upstream, pair, FAULTS) == []
