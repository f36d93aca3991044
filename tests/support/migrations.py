"""Bring a PostgreSQL database to the schema that a test needs; also as a process to be killed.

`python -m tests.support.migrations URL SCHEMA STEPS` applies the program's own migrations and that
many slow ones after them, and prints what it applied.
"""

import asyncio
import sys
from collections.abc import Sequence
from hashlib import sha256

from hx_gateway.core.clock import SystemClock
from hx_gateway.core.secret import Secret
from hx_gateway.core.snapshot import StoreSettings
from hx_gateway.store.migrate.folder import load_migrations
from hx_gateway.store.migrate.on_postgres import PostgresUpgrade
from hx_gateway.store.migrate.plan import Kind, Migration
from hx_gateway.store.postgres_pool import connect
from hx_gateway.store.queries import Engine, load_queries

OWN = load_migrations(Engine.POSTGRES)


def step(name: str, sql: str = "SELECT 1") -> Migration:
    """Make a migration out of its name and SQL."""
    kind = Kind.POST if "_post_" in name else Kind.PRE
    return Migration(name=name, kind=kind, sql=sql, checksum=sha256(sql.encode()).hexdigest())


def slow_steps(number: int) -> list[Migration]:
    """Make migrations of two tables each, with time between any two statements to be killed in."""
    pause = "SELECT pg_sleep(0.02);"
    return [
        step(
            f"{1000 + n}_pre_slow",
            f"{pause} CREATE TABLE slow_{n}_a (); {pause} CREATE TABLE slow_{n}_b (); {pause}",
        )
        for n in range(number)
    ]


async def upgrade(
    settings: StoreSettings,
    known: Sequence[Migration] = OWN,
    *,
    lock_timeout_s: float = 60.0,
    pre_only: bool = False,
) -> tuple[str, ...]:
    """Apply the migrations of this program, or those that are given."""
    connection = await connect(settings, "hx-gateway test")
    try:
        queries = load_queries(Engine.POSTGRES)
        run = PostgresUpgrade(
            connection, settings, queries, known, SystemClock(), pre_only=pre_only
        )
        return await run.run(lock_timeout_s)
    finally:
        await connection.close(timeout=30)


async def _main(url: str, schema: str, steps: int) -> None:
    settings = StoreSettings(url=Secret(url), schema=schema)
    print("begun", flush=True)
    print(*await upgrade(settings, [*OWN, *slow_steps(steps)]), flush=True)


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
