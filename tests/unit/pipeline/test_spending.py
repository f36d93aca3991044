"""Costs against budgets, counted here or by all together."""

import asyncio

from tests.support.clock import FakeClock
from tests.support.deployments import deployment
from tests.support.receipts import receipt

from hx_gateway.core.budget import PROVIDER, Budget
from hx_gateway.core.errors import DependencyError
from hx_gateway.core.receipt import Receipt
from hx_gateway.pipeline.spending import Spending
from hx_gateway.routing.purse import Purses
from hx_gateway.store.counters_process import ProcessCounters

A = deployment("a")
BUDGET = Budget(kind=PROVIDER, name=A.provider.name, limit=100, period="1h")


class Shaky(ProcessCounters):
    """Counters that can be away."""

    away = False

    async def add(self, name: str, amount: int, ttl_s: float) -> int:
        if self.away:
            raise DependencyError("Redis")
        return await super().add(name, amount, ttl_s)


def spending(clock: FakeClock, counters: ProcessCounters | None) -> Spending:
    purses = Purses(clock.now() - clock.monotonic())
    purses.watch([BUDGET])
    return Spending(purses, clock, counters)


def paid(clock: FakeClock, cost: int) -> Receipt:
    return receipt(cost=cost, provider=A.provider.name, started_at=clock.now(), seconds=0.0)


def is_stopped(each: Spending, clock: FakeClock) -> bool:
    return each.purses.obstacle(A, clock.monotonic()) is not None


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_two_processes_use_up_one_budget() -> None:
    clock = FakeClock()
    shared = ProcessCounters(clock)
    one, two = spending(clock, shared), spending(clock, shared)
    one.take(paid(clock, 60))
    two.take(paid(clock, 40))
    await settled()
    await one.refresh()
    assert (is_stopped(one, clock), is_stopped(two, clock)) == (True, True)
    clock.advance(3601.0)
    await one.refresh()
    assert not is_stopped(one, clock)


async def test_without_shared_counters_each_counts_for_itself() -> None:
    """The control: then each process may spend the whole of it."""
    clock = FakeClock()
    one, two = spending(clock, None), spending(clock, None)
    one.take(paid(clock, 100))
    await settled()
    await one.run()  # there is nothing to ask, so it ends
    assert (is_stopped(one, clock), is_stopped(two, clock)) == (True, False)


async def test_what_was_spent_counts_here_at_once() -> None:
    clock = FakeClock()
    one = spending(clock, ProcessCounters(clock))
    one.take(paid(clock, 100))
    assert is_stopped(one, clock)
    await settled()


async def test_counters_that_were_away_are_told_later() -> None:
    clock = FakeClock()
    shared = Shaky(clock)
    one, two = spending(clock, shared), spending(clock, shared)
    shared.away = True
    one.take(paid(clock, 100))
    await settled()
    await one.refresh()
    assert is_stopped(one, clock)
    await two.refresh()
    assert not is_stopped(two, clock)
    shared.away = False
    await one.refresh()
    await two.refresh()
    assert is_stopped(two, clock)
