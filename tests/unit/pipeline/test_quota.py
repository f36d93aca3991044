"""The use of deployments, counted here or by all together."""

import asyncio
import contextlib

import pytest
from tests.support.clock import FakeClock
from tests.support.deployments import deployment
from tests.support.receipts import receipt

from hx_gateway.core.errors import DependencyError, Exhausted
from hx_gateway.core.usage import Usage
from hx_gateway.pipeline.quota import Quota
from hx_gateway.routing.meter import Meter
from hx_gateway.store.counters_process import ProcessCounters

A = deployment("a", rpm=3, tpm=1000)


class Away(ProcessCounters):
    """Counters that do not answer."""

    async def add(self, name: str, amount: int, ttl_s: float) -> int:
        raise DependencyError("Redis")


def quota(clock: FakeClock, counters: ProcessCounters | None) -> Quota:
    return Quota(Meter(), clock, counters, [A])


async def test_two_processes_never_use_more_than_the_limit_together() -> None:
    clock = FakeClock()
    shared = ProcessCounters(clock)
    two = [quota(clock, shared), quota(clock, shared)]
    admitted = 0
    for n in range(10):
        with contextlib.suppress(Exhausted):
            await two[n % 2].admit(A)
            admitted += 1
    assert admitted == 3
    clock.advance(60.0)
    await two[0].admit(A)


async def test_without_shared_counters_each_counts_for_itself() -> None:
    """The control: the limit then holds in each process, not over both."""
    clock = FakeClock()
    two = [quota(clock, None), quota(clock, None)]
    for each in two:
        for _ in range(3):
            assert each.meter.obstacle(A, clock.monotonic()) is None
            await each.admit(A)
        assert each.meter.obstacle(A, clock.monotonic()) is not None


async def test_counters_that_are_away_stop_nobody() -> None:
    clock = FakeClock()
    alone = quota(clock, Away(clock))
    await alone.admit(A)
    assert alone.meter.of(A, clock.monotonic()).requests == 1


async def test_others_hear_of_the_tokens() -> None:
    clock = FakeClock()
    shared = ProcessCounters(clock)
    mine, other = quota(clock, shared), quota(clock, shared)
    for one, tokens in ((mine, 30), (other, 12)):
        one.take(
            receipt(
                deployment_id="a", usage=Usage(input=tokens), started_at=clock.now(), seconds=0.0
            )
        )
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert other.meter.of(A, clock.monotonic()).tokens == 42


@pytest.mark.parametrize("deployment_id", [None, "unwatched"])
async def test_other_calls_are_not_shared(deployment_id: str | None) -> None:
    clock = FakeClock()
    one = quota(clock, Away(clock))
    one.take(receipt(deployment_id=deployment_id, usage=Usage(input=9), started_at=clock.now()))
    assert one.meter.of(A, clock.monotonic()).tokens == 0
