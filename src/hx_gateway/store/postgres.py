"""Keep everything in PostgreSQL, shared by all replicas. Never changes the schema."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

import asyncpg

from hx_gateway.core.clock import Clock, Random, SystemClock, system_random
from hx_gateway.core.errors import Conflict, DependencyError, InvalidRequest
from hx_gateway.core.ports import KeyFilter, KeyRecord, StoredResponse, TeamRecord, UserRecord
from hx_gateway.core.snapshot import StoreSettings
from hx_gateway.store.breaker import Breaker
from hx_gateway.store.migrate.folder import load_migrations
from hx_gateway.store.migrate.on_postgres import read_plan
from hx_gateway.store.migrate.plan import Migration, blocks_serving
from hx_gateway.store.postgres_errors import FAULTS, ROLE, dependency_error
from hx_gateway.store.postgres_pool import Pool, transaction
from hx_gateway.store.queries import Engine, load_queries
from hx_gateway.store.rows import TAKEN, json_list, key_values, record, response_values, whole
from hx_gateway.store.schema import schema_error

T = TypeVar("T")
Work = Callable[[asyncpg.Connection], Awaitable[T]]


class PostgresStore:
    """A store in a PostgreSQL database. Connects in the background, for as long as it takes.

    Every call ends within `query_timeout`; after three failures in a row calls are refused at once
    until the database answers again and its schema is current.
    """

    def __init__(
        self,
        settings: StoreSettings,
        clock: Clock | None = None,
        random: Random | None = None,
        *,
        known: Sequence[Migration] | None = None,
    ) -> None:
        """Start to connect; needs a running event loop. `known` are the migrations it needs."""
        self._settings = settings
        self._sql = load_queries(Engine.POSTGRES)
        self._known = load_migrations(Engine.POSTGRES) if known is None else known
        self._pool = Pool(settings)
        self._breaker = Breaker(
            self._probe,
            DependencyError(ROLE),
            clock=clock or SystemClock(),
            random=random or system_random(),
        )

    async def get_key(self, id_: str) -> KeyRecord | None:
        """See `Store`."""
        return await self._one_key(self._sql.get_key, id_)

    async def find_key_by_alias(self, alias: str) -> KeyRecord | None:
        """See `Store`."""
        return await self._one_key(self._sql.find_key_by_alias, alias)

    async def insert_key(self, key: KeyRecord) -> None:
        """See `Store`."""
        values = key_values(key)
        await self._run(lambda db: db.execute(self._sql.insert_key, *values))

    async def update_key(self, key: KeyRecord) -> bool:
        """See `Store`."""
        return bool(await self._revoke(self._sql.update_key, *key_values(key)))

    async def delete_keys(self, ids: Sequence[str]) -> list[str]:
        """See `Store`."""
        return await self._revoke(self._sql.delete_keys, json_list(tuple(ids)))

    async def list_keys(self, wanted: KeyFilter) -> tuple[list[KeyRecord], int]:
        """See `Store`."""
        which = (wanted.alias, wanted.user_id, wanted.team_id)

        async def read(db: asyncpg.Connection) -> tuple[list[KeyRecord], int]:
            count = await db.fetchval(self._sql.count_keys, *which)
            rows = await db.fetch(self._sql.list_keys, *which, wanted.limit, wanted.offset)
            return [record(row, KeyRecord) for row in rows], whole(count)

        return await self._run(read)

    async def list_teams(self) -> list[TeamRecord]:
        """See `Store`."""
        rows = await self._run(lambda db: db.fetch(self._sql.list_teams))
        return [record(row, TeamRecord) for row in rows]

    async def list_users(self) -> list[UserRecord]:
        """See `Store`."""
        rows = await self._run(lambda db: db.fetch(self._sql.list_users))
        return [record(row, UserRecord) for row in rows]

    async def revocation_epoch(self) -> int:
        """See `Store`."""
        return whole(await self._run(lambda db: db.fetchval(self._sql.revocation_epoch)))

    async def keep_response(self, response: StoredResponse) -> None:
        """See `Responses`."""
        values = response_values(response)
        await self._run(lambda db: db.execute(self._sql.keep_response, *values))

    async def get_response(self, owner: str, id_: str, *, now: float) -> StoredResponse | None:
        """See `Responses`."""
        row = await self._run(lambda db: db.fetchrow(self._sql.get_response, owner, id_, now))
        return None if row is None else record(row, StoredResponse)

    async def delete_response(self, owner: str, id_: str, *, now: float) -> bool:
        """See `Responses`."""
        rows = await self._run(lambda db: db.fetch(self._sql.delete_response, owner, id_, now))
        return bool(rows)

    async def sweep_responses(self, *, now: float, most: int) -> int:
        """See `Responses`."""
        return len(await self._run(lambda db: db.fetch(self._sql.sweep_responses, now, most)))

    async def ping(self) -> None:
        """See `Store`."""
        await self._run(self._check_schema)

    async def aclose(self) -> None:
        """See `Store`."""
        await self._breaker.aclose()
        await self._pool.aclose()

    async def _one_key(self, sql: str, value: str) -> KeyRecord | None:
        row = await self._run(lambda db: db.fetchrow(sql, value))
        return None if row is None else record(row, KeyRecord)

    async def _revoke(self, sql: str, *values: object) -> list[str]:
        async def write(db: asyncpg.Connection) -> list[str]:
            async with db.transaction():
                rows = await db.fetch(sql, *values)
                if rows:
                    await db.execute(self._sql.bump_epoch)
            return [row["id"] for row in rows]

        return await self._run(write)

    async def _run(self, work: Work[T]) -> T:
        """Do one call on one connection, within its deadline."""
        await self._breaker.admit(self._settings.connect_timeout)
        try:
            async with asyncio.timeout(self._settings.query_timeout), self._session() as db:
                result = await work(db)
        except asyncpg.UniqueViolationError as error:
            raise Conflict(TAKEN) from error
        except asyncpg.DataError as error:
            raise InvalidRequest("The database cannot store one of the values.") from error
        except FAULTS as error:
            reason = dependency_error(error)
            self._breaker.failed(reason)
            raise reason from error
        self._breaker.succeeded()
        return result

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[asyncpg.Connection]:
        async with self._pool.lease() as db:
            if self._settings.prepared_statements:
                yield db
            else:
                # Behind a pooler a statement is parsed and run in two steps, which only a
                # transaction keeps on the same server connection.
                async with transaction(db, self._settings):
                    yield db

    async def _probe(self) -> None:
        self._pool.drop_idle()
        try:
            async with asyncio.timeout(self._settings.connect_timeout), self._session() as db:
                await self._check_schema(db)
        except FAULTS as error:
            raise dependency_error(error) from error

    async def _check_schema(self, db: asyncpg.Connection) -> None:
        code = blocks_serving(await read_plan(db, self._sql, self._known))
        if code is not None:
            raise schema_error(ROLE, code)
