"""Limits of a deployment over several processes, whichever store counts."""

import asyncio

import pytest
from tests.support.clock import FakeClock
from tests.support.deployments import deployment

from hx_gateway.core.errors import Exhausted
from hx_gateway.core.ports import Counters
from hx_gateway.pipeline.quota import Quota
from hx_gateway.routing.meter import Meter

A = deployment("a", rpm=50)


async def test_processes_that_race_never_admit_more_than_the_limit(counters: Counters) -> None:
    clock = FakeClock()
    processes = [Quota(Meter(), clock, counters, [A]) for _ in range(4)]
    outcomes = await asyncio.gather(
        *(processes[n % 4].admit(A) for n in range(200)), return_exceptions=True
    )
    assert outcomes.count(None) == 50
    assert all(isinstance(each, Exhausted) for each in outcomes if each is not None)
    # Whoever was refused knows it by now, and need not ask again.
    assert all(each.meter.obstacle(A, clock.monotonic()) is not None for each in processes)


async def test_the_next_minute_begins_anew(counters: Counters) -> None:
    clock = FakeClock(2_000_000.0)
    quota = Quota(Meter(), clock, counters, [deployment("b", rpm=1)])
    one = deployment("b", rpm=1)
    await quota.admit(one)
    with pytest.raises(Exhausted):
        await quota.admit(one)
    clock.advance(60.0)
    await quota.admit(one)
