"""Keep everything in PostgreSQL, shared by all replicas. Never changes the schema."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

import asyncpg

from hx_gateway.core.clock import Clock, Random, SystemClock, system_random
from hx_gateway.core.errors import Conflict, DependencyError, InvalidRequest
from hx_gateway.core.ports import (
    KeyFilter,
    KeyRecord,
    Standing,
    StoredResponse,
    TeamRecord,
    UserRecord,
)
from hx_gateway.core.snapshot import StoreSettings
from hx_gateway.store.breaker import Breaker
from hx_gateway.store.migrate.folder import load_migrations
from hx_gateway.store.migrate.on_postgres import read_plan
from hx_gateway.store.migrate.plan import Migration, blocks_serving
from hx_gateway.store.postgres_errors import FAULTS, ROLE, dependency_error
from hx_gateway.store.postgres_pool import Pool, transaction
from hx_gateway.store.queries import Engine, load_queries, load_query
from hx_gateway.store.rows import (
    TAKEN,
    Record,
    json_list,
    json_map,
    record,
    standing,
    values_of,
    whole,
)
from hx_gateway.store.schema import schema_error

T = TypeVar("T")
Work = Callable[[asyncpg.Connection], Awaitable[T]]


class _Locks:
    """The statements that keep others from a row until the transaction ends."""

    def __init__(self) -> None:
        self.key, self.team, self.user = (
            load_query(Engine.POSTGRES, f"lock_{noun}") for noun in ("key", "team", "user")
        )


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
        self._locks = _Locks()
        self._known = load_migrations(Engine.POSTGRES) if known is None else known
        self._pool = Pool(settings)
        self._breaker = Breaker(
            self._probe,
            DependencyError(ROLE),
            clock=clock or SystemClock(),
            random=random or system_random(),
        )

    async def get_standing(self, id_: str) -> Standing | None:
        """See `Store`."""
        row = await self._run(lambda db: db.fetchrow(self._sql.get_standing, id_))
        return None if row is None else standing(row)

    async def get_key(self, id_: str) -> KeyRecord | None:
        """See `Store`."""
        return await self._find(KeyRecord, self._sql.get_key, id_)

    async def find_key_by_alias(self, alias: str) -> KeyRecord | None:
        """See `Store`."""
        return await self._find(KeyRecord, self._sql.find_key_by_alias, alias)

    async def insert_key(self, key: KeyRecord) -> None:
        """See `Store`."""
        values = values_of(key)
        await self._run(lambda db: db.execute(self._sql.insert_key, *values))

    async def change_key(
        self, id_: str, change: Callable[[KeyRecord], KeyRecord]
    ) -> KeyRecord | None:
        """See `Store`."""
        statements = (self._locks.key, self._sql.get_key, self._sql.update_key)
        return await self._change(KeyRecord, statements, id_, change)

    async def delete_keys(self, ids: Sequence[str]) -> list[str]:
        """See `Store`."""
        return await self._delete(ids, self._sql.delete_keys)

    async def touch_keys(self, used_at: Mapping[str, float]) -> None:
        """See `Store`."""
        wanted = json_map(used_at)
        await self._run(lambda db: db.execute(self._sql.touch_keys, wanted))

    async def list_keys(self, wanted: KeyFilter) -> tuple[list[KeyRecord], int]:
        """See `Store`."""
        which = (wanted.alias, wanted.user_id, wanted.team_id)

        async def read(db: asyncpg.Connection) -> tuple[list[KeyRecord], int]:
            count = await db.fetchval(self._sql.count_keys, *which)
            rows = await db.fetch(self._sql.list_keys, *which, wanted.limit, wanted.offset)
            return [record(row, KeyRecord) for row in rows], whole(count)

        return await self._run(read)

    async def get_team(self, id_: str) -> TeamRecord | None:
        """See `Store`."""
        return await self._find(TeamRecord, self._sql.get_team, id_)

    async def list_teams(self) -> list[TeamRecord]:
        """See `Store`."""
        rows = await self._run(lambda db: db.fetch(self._sql.list_teams))
        return [record(row, TeamRecord) for row in rows]

    async def insert_team(self, team: TeamRecord) -> None:
        """See `Store`."""
        await self._revoke(self._sql.insert_team, values_of(team))

    async def change_team(
        self, id_: str, change: Callable[[TeamRecord], TeamRecord]
    ) -> TeamRecord | None:
        """See `Store`."""
        statements = (self._locks.team, self._sql.get_team, self._sql.update_team)
        return await self._change(TeamRecord, statements, id_, change)

    async def delete_teams(self, ids: Sequence[str]) -> list[str]:
        """See `Store`."""
        return await self._delete(ids, self._sql.delete_teams, self._sql.delete_team_keys)

    async def get_user(self, id_: str) -> UserRecord | None:
        """See `Store`."""
        return await self._find(UserRecord, self._sql.get_user, id_)

    async def list_users(self) -> list[UserRecord]:
        """See `Store`."""
        rows = await self._run(lambda db: db.fetch(self._sql.list_users))
        return [record(row, UserRecord) for row in rows]

    async def insert_user(self, user: UserRecord) -> None:
        """See `Store`."""
        await self._revoke(self._sql.insert_user, values_of(user))

    async def change_user(
        self, id_: str, change: Callable[[UserRecord], UserRecord]
    ) -> UserRecord | None:
        """See `Store`."""
        statements = (self._locks.user, self._sql.get_user, self._sql.update_user)
        return await self._change(UserRecord, statements, id_, change)

    async def delete_users(self, ids: Sequence[str]) -> list[str]:
        """See `Store`."""
        return await self._delete(ids, self._sql.delete_users, self._sql.delete_user_keys)

    async def revocation_epoch(self) -> int:
        """See `Store`."""
        return whole(await self._run(lambda db: db.fetchval(self._sql.revocation_epoch)))

    async def keep_response(self, response: StoredResponse) -> None:
        """See `Responses`."""
        values = values_of(response)
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

    async def _find(self, type_: type[Record], sql: str, value: str) -> Record | None:
        row = await self._run(lambda db: db.fetchrow(sql, value))
        return None if row is None else record(row, type_)

    async def _change(
        self,
        type_: type[Record],
        statements: tuple[str, str, str],
        id_: str,
        change: Callable[[Record], Record],
    ) -> Record | None:
        lock, get, update = statements

        async def write(db: asyncpg.Connection) -> Record | None:
            async with db.transaction():
                await db.execute(lock, id_)  # who waited here reads what the other one wrote
                row = await db.fetchrow(get, id_)
                if row is None:
                    return None
                changed = change(record(row, type_))
                await db.execute(update, *values_of(changed), id_)
                await db.execute(self._sql.bump_epoch)
            return changed

        return await self._run(write)

    async def _delete(self, ids: Sequence[str], delete: str, *and_theirs: str) -> list[str]:
        """Remove rows, and what belongs to those that were really there."""

        async def write(db: asyncpg.Connection) -> list[str]:
            async with db.transaction():
                gone = [row["id"] for row in await db.fetch(delete, json_list(ids))]
                for sql in and_theirs:
                    await db.execute(sql, json_list(gone))
                if gone:
                    await db.execute(self._sql.bump_epoch)
            return gone

        return await self._run(write)

    async def _revoke(self, sql: str, values: Sequence[object]) -> None:
        async def write(db: asyncpg.Connection) -> None:
            async with db.transaction():
                await db.execute(sql, *values)
                await db.execute(self._sql.bump_epoch)

        await self._run(write)

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
