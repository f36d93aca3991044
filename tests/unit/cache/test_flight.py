import asyncio

import pytest

from hx_gateway.cache.entry import Entry, Found
from hx_gateway.cache.flight import Flight
from hx_gateway.core.errors import Overloaded

FOUND = Found(entry=Entry(tenant="t", dialect="d", body=b"", created_at=0.0), label="l")


async def test_everybody_who_waits_gets_the_answer() -> None:
    flight = Flight()
    waiting = [asyncio.ensure_future(flight.wait(5)) for _ in range(3)]
    await asyncio.sleep(0)
    assert flight.waiting == 3
    flight.land(FOUND)
    assert await asyncio.gather(*waiting) == [FOUND] * 3
    assert flight.waiting == 0
    assert await flight.wait(5) is FOUND  # who comes late, too


async def test_it_ends_once() -> None:
    flight = Flight()
    flight.land(FOUND)
    flight.land(None)
    flight.fail(Overloaded("busy"))
    assert await flight.wait(5) is FOUND
    assert flight.is_over


async def test_a_failure_is_raised_for_everybody_without_growing() -> None:
    flight = Flight()
    flight.fail(Overloaded("busy"))
    depths = []
    for _ in range(3):
        with pytest.raises(Overloaded) as caught:
            await flight.wait(5)
        depths.append(len(caught.traceback))
    assert len(set(depths)) == 1


async def test_who_waits_too_long_gets_nothing() -> None:
    flight = Flight()
    assert await flight.wait(0.01) is None
    assert not flight.is_over


async def test_the_work_stops_when_its_client_and_all_who_waited_are_gone() -> None:
    flight = Flight()
    work = asyncio.ensure_future(asyncio.sleep(60))
    flight.works(work)
    waiting = asyncio.ensure_future(flight.wait(60))
    await asyncio.sleep(0)
    flight.leave()
    await asyncio.sleep(0)
    assert not work.cancelled()
    waiting.cancel()
    await asyncio.gather(waiting, work, return_exceptions=True)
    assert work.cancelled()
