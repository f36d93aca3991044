"""What every store of answers keeps to: process, disk, Valkey."""

import asyncio
import random
from itertools import product

import pytest

from hx_gateway.core.answers import Answers, answer_label

NAME, OTHER = "ab" * 32, "cd" * 32


async def test_an_answer_is_kept_byte_for_byte(answers: Answers) -> None:
    value = bytes(range(256)) * 100
    assert await answers.get(NAME, tenant="t") is None
    await answers.put(NAME, b"old", tenant="t", ttl_s=60)
    await answers.put(NAME, value, tenant="t", ttl_s=60)
    assert await answers.get(NAME, tenant="t") == value
    assert await answers.get(NAME, tenant="t") == value
    assert await answers.get(OTHER, tenant="t") is None


async def test_several_are_got_at_once_in_the_order_of_their_names(answers: Answers) -> None:
    names = [f"{number:064x}" for number in range(120)]
    for name in names[::2]:
        await answers.put(name, name.encode(), tenant="t", ttl_s=60)
    asked = [*reversed(names), names[0]]
    wanted = [name.encode() if int(name, 16) % 2 == 0 else None for name in asked]
    assert await answers.get_all(asked, tenant="t") == wanted
    assert await answers.get_all(names, tenant="u") == [None] * 120
    assert await answers.get_all([], tenant="t") == []


async def test_the_same_name_is_another_answer_for_another_tenant(answers: Answers) -> None:
    await answers.put(NAME, b"mine", tenant="mine", ttl_s=60)
    assert await answers.get(NAME, tenant="yours") is None
    await answers.put(NAME, b"yours", tenant="yours", ttl_s=60)
    assert await answers.get(NAME, tenant="mine") == b"mine"


async def test_tenants_never_meet_whatever_they_and_the_answers_are_called(
    answers: Answers,
) -> None:
    chance = random.Random(3)
    tenants = ["a", "A", "a-", "", "a/../b", "*", "ü", "a\n", "default", "x" * 300]
    names = [f"{chance.randrange(4):064x}" for _ in range(20)]
    kept: dict[tuple[str, str], bytes] = {}
    for number in range(200):
        tenant, name = chance.choice(tenants), chance.choice(names)
        kept[tenant, name] = f"{tenant} {name} {number}".encode()
        await answers.put(name, kept[tenant, name], tenant=tenant, ttl_s=60)
    for tenant, name in product(tenants, names):
        assert await answers.get(name, tenant=tenant) == kept.get((tenant, name))


async def test_answers_end_with_their_time(answers: Answers) -> None:
    await answers.put(NAME, b"x", tenant="t", ttl_s=0.2)
    await answers.put(OTHER, b"y", tenant="t", ttl_s=60)
    await asyncio.sleep(0.3)
    assert await answers.get(NAME, tenant="t") is None
    assert await answers.get(OTHER, tenant="t") == b"y"


async def test_answers_are_removed_by_their_labels(answers: Answers) -> None:
    for tenant, name in product("tu", (NAME, OTHER)):
        await answers.put(name, b"x", tenant=tenant, ttl_s=60)
    labels = [answer_label("t", NAME), answer_label("t", "ef" * 32), "../../etc/passwd", "*"]
    assert await answers.delete(labels) == 1
    assert await answers.delete([]) == 0
    assert await answers.get(NAME, tenant="t") is None
    assert await answers.get(NAME, tenant="u") == b"x"
    assert await answers.get(OTHER, tenant="t") == b"x"


async def test_a_flush_removes_all(answers: Answers) -> None:
    for number in range(50):
        await answers.put(f"{number:064x}", b"x", tenant="t", ttl_s=60)
    await answers.flush()
    assert await answers.get(f"{7:064x}", tenant="t") is None
    await answers.flush()


async def test_many_at_once_do_not_disturb_one_another(answers: Answers) -> None:
    async def keep(number: int) -> bytes | None:
        name, value = f"{number % 10:064x}", f"{number % 10}".encode() * 1000
        await answers.put(name, value, tenant="t", ttl_s=60)
        return await answers.get(name, tenant="t")

    got = await asyncio.gather(*(keep(number) for number in range(100)))
    assert got == [f"{number % 10}".encode() * 1000 for number in range(100)]


async def test_a_lease_is_the_holders_until_it_is_given_back(answers: Answers) -> None:
    assert await answers.lease(NAME, tenant="t", holder="one", ttl_s=60)
    assert await answers.lease(NAME, tenant="t", holder="one", ttl_s=60)
    if answers.is_shared:
        assert not await answers.lease(NAME, tenant="t", holder="two", ttl_s=60)
        assert await answers.lease(NAME, tenant="u", holder="two", ttl_s=60)
        await answers.release(NAME, tenant="t", holder="two")  # not his to give
        assert not await answers.lease(NAME, tenant="t", holder="two", ttl_s=60)
    await answers.release(NAME, tenant="t", holder="one")
    assert await answers.lease(NAME, tenant="t", holder="two", ttl_s=60)


@pytest.mark.parametrize("answers", ["valkey"], indirect=True)
async def test_the_lease_of_a_dead_process_ends(answers: Answers) -> None:
    assert await answers.lease(NAME, tenant="t", holder="one", ttl_s=0.2)
    await asyncio.sleep(0.3)
    assert await answers.lease(NAME, tenant="t", holder="two", ttl_s=60)


@pytest.mark.parametrize("answers", ["process", "disk"], indirect=True)
async def test_the_number_of_bytes_is_bounded_and_the_unused_goes_first(answers: Answers) -> None:
    value = b"x" * 100_000
    for number in range(8):
        await answers.put(f"{number:064x}", value, tenant="t", ttl_s=60)
    assert await answers.get(f"{0:064x}", tenant="t") == value  # used, so that 1 is the oldest
    for number in range(8, 12):
        await answers.put(f"{number:064x}", value, tenant="t", ttl_s=60)
    kept = [n for n in range(12) if await answers.get(f"{n:064x}", tenant="t") is not None]
    assert 8 <= len(kept) <= 10
    assert 0 in kept
    assert 1 not in kept
    assert 11 in kept


@pytest.mark.parametrize("answers", ["process", "disk"], indirect=True)
async def test_what_is_larger_than_all_the_room_is_not_kept(answers: Answers) -> None:
    await answers.put(NAME, b"x" * (2 << 20), tenant="t", ttl_s=60)
    assert await answers.get(NAME, tenant="t") is None
    await answers.put(OTHER, b"x", tenant="t", ttl_s=60)
    assert await answers.get(OTHER, tenant="t") == b"x"


async def test_what_works_answers_a_ping(answers: Answers) -> None:
    await answers.ping()


async def test_only_a_server_tells_of_itself(answers: Answers) -> None:
    told = await answers.describe()
    if not answers.is_shared:
        assert told is None
        return
    assert told is not None
    facts = told.facts if "used_memory" in told.facts else next(iter(told.facts.values()))
    assert isinstance(facts, dict)
    assert "used_memory" in facts  # of a Cluster, for each of its nodes
    assert any(client["addr"] for client in told.clients)
