"""What every counter store keeps to: process, Valkey."""

import asyncio

from hx_gateway.core.ports import Counters


async def test_a_counter_starts_at_nothing_and_adds_up(counters: Counters) -> None:
    assert await counters.get("a") == 0
    assert [await counters.add("a", amount, 60) for amount in (2, 3, -4)] == [2, 5, 1]
    assert await counters.get("a") == 1


async def test_counters_do_not_know_one_another(counters: Counters) -> None:
    await counters.add("a", 1, 60)
    assert await counters.add("a:b", 5, 60) == 5
    assert await counters.get("a") == 1


async def test_numbers_may_be_as_large_as_money_is(counters: Counters) -> None:
    assert await counters.add("a", 2**62, 60) == 2**62
    assert await counters.get("a") == 2**62


async def test_concurrent_additions_are_all_counted(counters: Counters) -> None:
    seen = await asyncio.gather(*(counters.add("a", 1, 60) for _ in range(100)))
    assert sorted(seen) == list(range(1, 101))


async def test_a_value_is_kept_byte_for_byte(counters: Counters) -> None:
    value = bytes(range(256))
    await counters.put("v", b"old", 60)
    await counters.put("v", value, 60)
    assert await counters.take("v") == value
    assert await counters.take("v") == value
    assert await counters.take("other") is None


async def test_a_deletion_counts_what_was_there(counters: Counters) -> None:
    await counters.add("a", 1, 60)
    await counters.put("v", b"x", 60)
    assert await counters.delete(["a", "v", "none", "a"]) == 2
    assert await counters.get("a") == 0
    assert await counters.take("v") is None
    assert await counters.delete([]) == 0


async def test_what_works_answers_a_ping(counters: Counters) -> None:
    await counters.ping()
