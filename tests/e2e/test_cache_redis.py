"""Answers in a Redis that several gateways share: one asks for all, and an outage costs no request."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.cached import asking, burst, post, running
from tests.support.served import until
from tests.support.upstream import Mode, Upstream
from tests.support.valkey import ValkeyServer, valkey_server

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def valkey() -> Iterator[ValkeyServer]:
    with valkey_server() as server:
        yield server


async def test_two_gateways_with_one_redis_ask_once(
    tmp_path: Path, upstream: Upstream, valkey: ValkeyServer
) -> None:
    env = {"REDIS_URL": valkey.url(1)}
    async with (
        running(tmp_path / "a", upstream, env, type="redis") as one,
        running(tmp_path / "b", upstream, env, type="redis") as two,
    ):
        upstream.delay_s = 0.5
        asked = [burst(each, asking("over all"), 200) for each in (one, two)]
        assert await asyncio.gather(*asked) == [[200] * 200] * 2
    assert len(upstream.asked) == 1


@pytest.mark.parametrize(
    ("break_", "mend"),
    [("stop", "cont"), pytest.param("kill", "restart", marks=pytest.mark.slow)],
)
async def test_when_redis_is_lost_meanwhile_each_gateway_asks_for_all_its_clients(
    tmp_path: Path, upstream: Upstream, valkey: ValkeyServer, break_: str, mend: str
) -> None:
    """Waiting for another gateway ends when nobody can say any more how far it is."""
    env = {"REDIS_URL": valkey.url(4)}
    async with (
        running(tmp_path / "a", upstream, env, timeout_s=1.0, type="redis") as one,
        running(tmp_path / "b", upstream, env, timeout_s=1.0, type="redis") as two,
    ):
        upstream.delay_s = 1.0
        body = asking(f"lost {break_}")
        asked = [asyncio.ensure_future(burst(each, body, 100)) for each in (one, two)]
        await until(lambda: len(upstream.asked) == 1, 60, "one of them asks")
        getattr(valkey, break_)()
        try:
            assert await asyncio.gather(*asked) == [[200] * 100] * 2
            # Two; a few more if clients came late, for then nothing is kept. Not two hundred.
            assert 1 <= len(upstream.asked) < 20
        finally:
            await asyncio.to_thread(getattr(valkey, mend))


@pytest.mark.slow
async def test_when_a_gateway_dies_another_one_takes_its_question_over(
    tmp_path: Path, upstream: Upstream, valkey: ValkeyServer
) -> None:
    env = {"REDIS_URL": valkey.url(3)}
    async with (
        running(tmp_path / "a", upstream, env, type="redis") as one,
        running(tmp_path / "b", upstream, env, type="redis") as two,
    ):
        upstream.mode = Mode.HANG
        first = asyncio.ensure_future(post(one, asking("taken over")))
        await until(lambda: len(upstream.asked) == 1, 60, "the first gateway asks")
        upstream.mode = Mode.WELL
        second = asyncio.ensure_future(post(two, asking("taken over")))
        await asyncio.sleep(1)
        assert len(upstream.asked) == 1  # the second one waits
        one.kill()
        assert (await second).status == 200
        assert len(upstream.asked) == 2
        (fault,) = await asyncio.gather(first, return_exceptions=True)
        assert isinstance(fault, OSError)


@pytest.mark.parametrize(("break_", "mend"), [("kill", "restart"), ("stop", "cont")])
async def test_a_redis_that_is_away_or_hangs_costs_a_moment_and_no_request(
    tmp_path: Path, upstream: Upstream, valkey: ValkeyServer, break_: str, mend: str
) -> None:
    env = {"REDIS_URL": valkey.url(2)}
    async with running(tmp_path, upstream, env, timeout_s=0.1, type="redis") as served:
        assert (await post(served, asking("before"))).status == 200
        getattr(valkey, break_)()
        try:
            slowest = 0.0
            for number in range(12):
                begun = time.monotonic()
                assert (await post(served, asking(f"during {number}"))).status == 200
                slowest = max(slowest, time.monotonic() - begun)
            assert slowest < 10.0  # an answer in time, not the end of the outage
        finally:
            await asyncio.to_thread(getattr(valkey, mend))
        for _ in range(1200):
            if "x-litellm-cache-key" in (await post(served, asking("after"))).headers:
                break
            await asyncio.sleep(0.05)
        else:
            pytest.fail("the cache did not come back")
