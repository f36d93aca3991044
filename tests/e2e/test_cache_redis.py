"""Answers in a Redis that several gateways share: one asks for all, and an outage costs no request."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.cached import asking, post, running
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
        asked = [post(each, asking("over all")) for each in (one, two) for _ in range(50)]
        answers = await asyncio.gather(*asked)
    assert {answer.status for answer in answers} == {200}
    assert len(upstream.asked) == 1


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
    async with running(tmp_path, upstream, {"REDIS_URL": valkey.url(2)}, type="redis") as served:
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
