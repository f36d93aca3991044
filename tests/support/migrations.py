"""Bring a PostgreSQL database to the schema that a test needs."""

from collections.abc import Sequence

from hx_gateway.core.clock import SystemClock
from hx_gateway.core.snapshot import StoreSettings
from hx_gateway.store.migrate.folder import load_migrations
from hx_gateway.store.migrate.on_postgres import PostgresUpgrade
from hx_gateway.store.migrate.plan import Migration
from hx_gateway.store.postgres_pool import connect
from hx_gateway.store.queries import Engine, load_queries


async def upgrade(
    settings: StoreSettings,
    known: Sequence[Migration] | None = None,
    lock_timeout_s: float = 10.0,
) -> tuple[str, ...]:
    """Apply the migrations of this program, or those that are given."""
    steps = load_migrations(Engine.POSTGRES) if known is None else known
    connection = await connect(settings, "hx-gateway test")
    try:
        queries = load_queries(Engine.POSTGRES)
        run = PostgresUpgrade(connection, settings, queries, steps, SystemClock())
        return await run.run(lock_timeout_s)
    finally:
        await connection.close(timeout=2)
