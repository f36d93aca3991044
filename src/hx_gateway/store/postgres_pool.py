"""Connections to PostgreSQL: how one is made, and a pool that throws away what may be stuck.

asyncpg has a pool, but gives a connection back only after a reset that a hung server never answers,
and which behind a pooler in transaction mode reaches somebody else's session.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from hx_gateway.core.errors import DependencyError
from hx_gateway.core.snapshot import StoreSettings
from hx_gateway.store.postgres_errors import ROLE
from hx_gateway.store.queries import Engine, load_query

APPLICATION = "hx-gateway"


async def connect(settings: StoreSettings, application: str = APPLICATION) -> asyncpg.Connection:
    """Open one connection within `connect_timeout`; raises what asyncpg raises.

    `application` is what an administrator sees in `pg_stat_activity`.
    """
    if settings.url is None:
        raise DependencyError(ROLE, f"{ROLE} is not configured.")
    session = {"application_name": application}
    if settings.prepared_statements:
        session["search_path"] = search_path(settings.schema)
    return await asyncpg.connect(
        settings.url.reveal(),
        timeout=settings.connect_timeout,
        ssl=settings.sslmode,
        statement_cache_size=100 if settings.prepared_statements else 0,
        server_settings=session,
    )


def search_path(schema: str) -> str:
    """Write a schema as the only place where names are looked up."""
    return '"' + schema.replace('"', '""') + '"'


@asynccontextmanager
async def transaction(
    connection: asyncpg.Connection, settings: StoreSettings
) -> AsyncIterator[None]:
    """Begin a transaction that sees the schema, also behind a pooler.

    A pooler refuses `search_path` at the start of a session, and may give every transaction
    another server connection, so there it is set in each.
    """
    async with connection.transaction():
        if not settings.prepared_statements:
            sql = load_query(Engine.POSTGRES, "set_local")
            await connection.execute(sql, "search_path", search_path(settings.schema))
        yield


class Pool:
    """At most `settings.pool` connections, made when needed, the last used one first."""

    def __init__(self, settings: StoreSettings) -> None:
        """Nothing is opened yet."""
        self._settings = settings
        self._places = asyncio.Semaphore(settings.pool)
        self._idle: list[asyncpg.Connection] = []

    @asynccontextmanager
    async def lease(self) -> AsyncIterator[asyncpg.Connection]:
        """Lend a connection. It is kept afterwards only if the server itself spoke last."""
        async with self._places:
            connection = self._usable() or await connect(self._settings)
            try:
                yield connection
            except asyncpg.PostgresError:
                self._idle.append(connection)
                raise
            except BaseException:
                # A cancelled or timed-out query may still be running in there.
                connection.terminate()
                raise
            self._idle.append(connection)

    def drop_idle(self) -> None:
        """Throw the idle connections away: the server they lead to may be gone without a word."""
        while self._idle:
            self._idle.pop().terminate()

    async def aclose(self) -> None:
        """Say goodbye on idle connections, briefly."""
        idle, self._idle = self._idle, []
        closing = (connection.close(timeout=1.0) for connection in idle)
        await asyncio.gather(*closing, return_exceptions=True)

    def _usable(self) -> asyncpg.Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
        return None
