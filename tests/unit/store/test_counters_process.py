"""Counters of the process expire by the clock, and do not grow without end."""

import pytest
from tests.support.clock import FakeClock

from hx_gateway.core.errors import DependencyError
from hx_gateway.store.counters_process import ProcessCounters


async def test_a_counter_lives_from_its_first_addition() -> None:
    clock = FakeClock()
    counters = ProcessCounters(clock)
    await counters.add("a", 1, 10)
    clock.advance(9)
    assert await counters.add("a", 1, 10) == 2
    clock.advance(1)
    assert await counters.get("a") == 0
    assert await counters.add("a", 1, 10) == 1


async def test_a_value_lives_from_its_last_put() -> None:
    clock = FakeClock()
    counters = ProcessCounters(clock)
    await counters.put("v", b"1", 10)
    clock.advance(9)
    await counters.put("v", b"2", 10)
    clock.advance(9)
    assert await counters.take("v") == b"2"
    clock.advance(1)
    assert await counters.take("v") is None


async def test_a_deletion_does_not_count_what_had_expired() -> None:
    clock = FakeClock()
    counters = ProcessCounters(clock)
    await counters.add("a", 1, 1)
    clock.advance(1)
    assert await counters.delete(["a"]) == 0


async def test_expired_counters_make_room() -> None:
    clock = FakeClock()
    counters = ProcessCounters(clock, limit=2000)
    for number in range(10_000):
        await counters.add(f"n{number}", 1, 1)
        clock.advance(0.01)
    assert len(counters._cells) <= 2000


async def test_no_live_counter_is_forgotten_for_a_new_one() -> None:
    """Forgetting one would lift the limit that it stands for."""
    counters = ProcessCounters(FakeClock(), limit=2000)
    for number in range(2000):
        await counters.add(f"n{number}", 5, 60)
    with pytest.raises(DependencyError):
        await counters.add("one more", 1, 60)
    assert await counters.get("n0") == 5
    assert await counters.add("n0", 1, 60) == 6


async def test_a_value_is_no_counter() -> None:
    counters = ProcessCounters(FakeClock())
    await counters.put("v", b"7", 60)
    assert await counters.get("v") == 0
    with pytest.raises(TypeError):
        await counters.add("v", 1, 60)
