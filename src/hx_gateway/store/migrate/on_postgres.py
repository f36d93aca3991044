"""Plan and apply migrations on a PostgreSQL connection.

Each migration and its row in the ledger are one transaction, so a runner that is killed at any
statement leaves all of it or nothing. Each such transaction takes the lock anew and reads the
ledger again, so two runners at once share the work.
"""

import asyncio
from collections.abc import Sequence

import asyncpg

from hx_gateway.core.clock import Clock
from hx_gateway.core.snapshot import StoreSettings
from hx_gateway.store.migrate.errors import Failed, Locked, Obstructed
from hx_gateway.store.migrate.plan import LEDGER, Entry, Kind, Migration, Plan, make_plan
from hx_gateway.store.postgres_pool import transaction
from hx_gateway.store.queries import Engine, Queries, load_query

LOCK = 0x68785F6761746577  # the bytes of "hx_gatew", below 2**63
_POLL_S = 0.1


async def read_plan(
    connection: asyncpg.Connection, queries: Queries, known: Sequence[Migration]
) -> Plan:
    """Read ledger and tables, and compare them with the known migrations."""
    tables = {str(row["name"]) for row in await connection.fetch(queries.list_tables)}
    ledger = None
    if LEDGER in tables:
        rows = await connection.fetch(queries.list_migrations)
        ledger = [Entry(**row) for row in rows]
    return make_plan(known, ledger, tables - {LEDGER})


class PostgresUpgrade:
    """One run of the migrations of this program over one connection."""

    def __init__(
        self,
        connection: asyncpg.Connection,
        settings: StoreSettings,
        queries: Queries,
        known: Sequence[Migration],
        clock: Clock,
        *,
        pre_only: bool = False,
    ) -> None:
        """`settings` say which schema, and whether a pooler is in between.

        `pre_only` stops before the first `post` step.
        """
        self._connection = connection
        self._settings = settings
        self._queries = queries
        self._known = known
        self._clock = clock
        self._pre_only = pre_only

    async def run(self, lock_timeout_s: float) -> tuple[str, ...]:
        """Apply what is pending; gives the names that this run applied.

        Raises Obstructed, Failed, and Locked when the lock, or a table, was not free in time.
        """
        applied: list[str] = []
        while await self._is_pending():
            async with transaction(self._connection, self._settings):
                await self._lock(lock_timeout_s)
                step = await self._next()
                if step is not None:
                    await self._apply(step, lock_timeout_s)
                    applied.append(step.name)
        return tuple(applied)

    async def _is_pending(self) -> bool:
        async with (
            asyncio.timeout(self._settings.query_timeout),
            transaction(self._connection, self._settings),
        ):
            return await self._next() is not None

    async def _next(self) -> Migration | None:
        plan = await read_plan(self._connection, self._queries, self._known)
        if plan.obstacle:
            raise Obstructed(plan.obstacle)
        step = plan.pending[0] if plan.pending else None
        return None if step and step.kind is Kind.POST and self._pre_only else step

    async def _apply(self, step: Migration, lock_timeout_s: float) -> None:
        started = self._clock.now()
        milliseconds = str(max(int(lock_timeout_s * 1000), 1))  # 0 would mean: wait for ever
        await self._connection.execute(_query("set_local"), "lock_timeout", milliseconds)
        if await self._connection.fetchval("SELECT current_schema() IS NULL"):
            await self._create_schema()
        await self._connection.execute(self._queries.create_ledger)
        try:
            await self._connection.execute(step.sql)
        except asyncpg.LockNotAvailableError as error:
            raise Locked(("a running transaction uses a table that must be changed",)) from error
        except (asyncpg.PostgresConnectionError, asyncpg.OperatorInterventionError):
            raise
        except asyncpg.PostgresError as error:
            raise Failed(step.name, str(error)) from error
        values = (step.name, step.checksum, started, self._clock.now())
        await self._connection.execute(self._queries.record_migration, *values)

    async def _create_schema(self) -> None:
        statement = await self._connection.fetchval(_query("create_schema"), self._settings.schema)
        await self._connection.execute(statement)

    async def _lock(self, timeout_s: float) -> None:
        deadline = self._clock.monotonic() + timeout_s
        while not await self._connection.fetchval(_query("try_lock"), LOCK):
            if self._clock.monotonic() >= deadline:
                rows = await self._connection.fetch(_query("lock_holders"), LOCK)
                raise Locked(tuple(_holder(row) for row in rows))
            await self._clock.sleep(_POLL_S)


def _query(name: str) -> str:
    return load_query(Engine.POSTGRES, name)


def _holder(row: asyncpg.Record) -> str:
    return (
        f"process {row['pid']} ({row['application'] or 'unnamed'}, role {row['role']}), "
        f"{row['state']}, for {row['seconds']:.0f} s"
    )
