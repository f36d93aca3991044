"""Migrations on a real PostgreSQL: idempotent, safe in pairs, and all or nothing when killed."""

import asyncio
import random
import sys
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import msgspec
import pytest
from tests.support.migrations import OWN, slow_steps, step, upgrade

from hx_gateway.core.snapshot import StoreSettings
from hx_gateway.store.migrate.errors import Failed, Locked, Obstructed
from hx_gateway.store.migrate.on_postgres import LOCK
from hx_gateway.store.migrate.plan import LEDGER, TABLES, Problem
from hx_gateway.store.postgres_pool import connect, transaction

NAMES = tuple(known.name for known in OWN)
LATER = {"hx_responses"}  # made by the second step


@pytest.fixture
async def db(settings: StoreSettings) -> AsyncIterator[asyncpg.Connection]:
    connection = await connect(settings, "a test")
    yield connection
    await connection.close(timeout=30)


async def tables(db: asyncpg.Connection) -> set[str]:
    rows = await db.fetch(
        "SELECT tablename FROM pg_tables WHERE schemaname = replace(current_setting('search_path'), '\"', '')"
    )
    return {row["tablename"] for row in rows}


async def dump(db: asyncpg.Connection) -> list[Any]:
    columns = await db.fetch(
        "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns"
        " WHERE table_schema = current_schema() ORDER BY 1, 2"
    )
    return [*map(tuple, columns), *map(tuple, await db.fetch(f"SELECT * FROM {LEDGER} ORDER BY 1"))]


async def test_an_empty_database_gets_all_tables(
    settings: StoreSettings, db: asyncpg.Connection
) -> None:
    assert await upgrade(settings) == NAMES
    assert await tables(db) == TABLES | {LEDGER}


async def test_a_second_run_changes_nothing(
    settings: StoreSettings, db: asyncpg.Connection
) -> None:
    await upgrade(settings)
    before = await dump(db)
    for _ in range(3):
        assert await upgrade(settings) == ()
    assert await dump(db) == before


async def test_a_second_run_does_not_wait_for_the_lock(
    settings: StoreSettings, db: asyncpg.Connection
) -> None:
    await upgrade(settings)
    async with db.transaction():
        await db.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
        assert await upgrade(settings, lock_timeout_s=0) == ()


async def test_it_works_without_a_search_path_of_the_session(
    settings: StoreSettings, db: asyncpg.Connection
) -> None:
    """Behind a pooler in transaction mode nothing outlives a transaction."""
    pooled = msgspec.structs.replace(settings, prepared_statements=False)
    assert await upgrade(pooled) == NAMES
    assert await tables(db) == TABLES | {LEDGER}


async def test_other_tables_in_the_schema_are_nobodys_business(
    settings: StoreSettings, db: asyncpg.Connection
) -> None:
    await db.execute(f'CREATE SCHEMA "{settings.schema}"')
    await db.execute('CREATE TABLE "LiteLLM_VerificationToken" (token TEXT)')
    assert await upgrade(settings) == NAMES


async def test_runners_at_once_apply_each_step_once(
    settings: StoreSettings, db: asyncpg.Connection
) -> None:
    known = [*OWN, *slow_steps(4)]
    results = await asyncio.gather(*(upgrade(settings, known) for _ in range(4)))
    applied = [name for result in results for name in result]
    assert sorted(applied) == sorted(one.name for one in known)


async def test_who_holds_the_lock_is_named_at_the_deadline(
    settings: StoreSettings, db: asyncpg.Connection
) -> None:
    async with db.transaction():
        await db.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
        with pytest.raises(Locked) as caught:
            await asyncio.wait_for(upgrade(settings, lock_timeout_s=0.2), 30)
        (holder,) = caught.value.holders
        assert str(db.get_server_pid()) in holder
        assert "a test" in holder
    assert await upgrade(settings) == NAMES


async def test_a_table_in_use_is_not_waited_for_beyond_the_deadline(
    settings: StoreSettings, db: asyncpg.Connection
) -> None:
    await upgrade(settings)
    change = step("0900_pre_change", "ALTER TABLE hx_keys ADD COLUMN more TEXT")
    async with db.transaction():
        await db.execute("SELECT * FROM hx_keys")
        with pytest.raises(Locked):
            await asyncio.wait_for(upgrade(settings, [*OWN, change], lock_timeout_s=0.2), 30)
    assert await upgrade(settings, [*OWN, change]) == (change.name,)


async def test_a_refused_step_leaves_nothing_of_itself(
    settings: StoreSettings, db: asyncpg.Connection
) -> None:
    good, bad = step("0900_pre_good"), step("0901_pre_bad", "CREATE TABLE half (); SELECT wrong")
    with pytest.raises(Failed) as caught:
        await upgrade(settings, [*OWN, good, bad])
    assert caught.value.name == bad.name
    assert await tables(db) == TABLES | {LEDGER}
    rows = await db.fetch(f"SELECT name FROM {LEDGER} ORDER BY name")
    assert [row["name"] for row in rows] == [*NAMES, good.name]


async def test_steps_for_after_the_rollout_can_be_left_for_later(
    settings: StoreSettings,
) -> None:
    known = [*OWN, step("0900_pre_a"), step("0901_post_b"), step("0902_pre_c")]
    assert await upgrade(settings, known, pre_only=True) == (*NAMES, "0900_pre_a")
    assert await upgrade(settings, known, pre_only=True) == ()
    assert await upgrade(settings, known) == ("0901_post_b", "0902_pre_c")


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (f"DROP TABLE {LEDGER}", Problem.LEDGER_MISSING),
        (f"DELETE FROM {LEDGER}", Problem.LEDGER_MISSING),
        (f"UPDATE {LEDGER} SET finished_at = NULL", Problem.HALF_WRITTEN),
        (f"INSERT INTO {LEDGER} VALUES ('9999_post_future', 'x', 1, 1)", Problem.NEWER),
        (f"UPDATE {LEDGER} SET checksum = 'x'", Problem.CHANGED),
        ("DROP TABLE hx_users", Problem.TABLES_MISSING),
    ],
)
async def test_a_ledger_that_disagrees_stops_it_every_time_in_the_same_way(
    settings: StoreSettings, db: asyncpg.Connection, damage: str, problem: Problem
) -> None:
    await upgrade(settings)
    await db.execute(damage)
    before = await tables(db)
    for _ in range(2):
        with pytest.raises(Obstructed) as caught:
            await upgrade(settings)
        assert caught.value.obstacle.problem is problem
    assert await tables(db) == before


async def check_whole_steps(db: asyncpg.Connection) -> None:
    """Fail when a step is there without its row in the ledger, or half of it."""
    async with db.transaction(isolation="repeatable_read"):  # a killed runner may still commit
        found = await tables(db)
        rows = await db.fetch(f"SELECT name FROM {LEDGER}") if LEDGER in found else []
    done = {row["name"] for row in rows}
    assert (found >= TABLES - LATER) == (OWN[0].name in done)
    assert (found >= LATER) == (OWN[1].name in done)
    for number, slow in enumerate(slow_steps(6)):
        assert {f"slow_{number}_a" in found, f"slow_{number}_b" in found} == {slow.name in done}


async def kill_somewhere(settings: StoreSettings, db: asyncpg.Connection, delay_s: float) -> None:
    """Kill a runner after a while, and see that every step is there in full or not at all."""
    assert settings.url is not None
    runner = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.support.migrations",
        settings.url.reveal(),
        settings.schema,
        "6",
        stdout=asyncio.subprocess.PIPE,
    )
    assert runner.stdout is not None
    try:
        assert await runner.stdout.readline() == b"begun\n"
        await asyncio.sleep(delay_s)
    finally:
        if runner.returncode is None:
            runner.kill()
        await runner.wait()
    await check_whole_steps(db)


async def test_half_a_step_would_be_seen(settings: StoreSettings, db: asyncpg.Connection) -> None:
    await upgrade(settings)
    await check_whole_steps(db)
    await db.execute("CREATE TABLE slow_0_a ()")
    with pytest.raises(AssertionError):
        await check_whole_steps(db)


async def test_a_killed_runner_leaves_whole_steps_and_the_next_one_finishes(
    settings: StoreSettings, db: asyncpg.Connection
) -> None:
    for delay_s in (0.05, 0.15, 0.3):
        await kill_somewhere(settings, db, delay_s)
    known = [*OWN, *slow_steps(6)]
    await upgrade(settings, known)
    assert await upgrade(settings, known) == ()


@pytest.mark.slow
async def test_a_runner_may_be_killed_at_any_moment(
    settings: StoreSettings, db: asyncpg.Connection
) -> None:
    chance = random.Random(20)
    for _ in range(60):
        await kill_somewhere(settings, db, chance.uniform(0, 0.6))
        if len(await tables(db)) == len(TABLES) + 1 + 12:
            async with transaction(db, settings):
                await db.execute(f'DROP SCHEMA "{settings.schema}" CASCADE')
