"""The schema of a PostgreSQL store, read and upgraded over one connection of its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol
from urllib.parse import urlsplit

import asyncpg
import msgspec

from hx_gateway.app.schema import Outcome, Verdict, outcome_of
from hx_gateway.core.clock import Clock
from hx_gateway.core.snapshot import StoreSettings
from hx_gateway.store.migrate.errors import Failed, Locked, Obstructed
from hx_gateway.store.migrate.folder import load_migrations
from hx_gateway.store.migrate.on_postgres import PostgresUpgrade, read_plan
from hx_gateway.store.postgres_errors import FAULTS, ROLE, dependency_error
from hx_gateway.store.postgres_pool import APPLICATION, connect, transaction
from hx_gateway.store.queries import Engine, load_queries

_GOODBYE_S = 1.0


class Operations(Protocol):
    """What this module offers, for whoever loads it by name."""

    async def read_schema(self, settings: StoreSettings) -> Outcome:
        """See `database.read_schema`."""
        ...

    async def upgrade(
        self, settings: StoreSettings, clock: Clock, *, lock_timeout_s: float, pre_only: bool
    ) -> Outcome:
        """See `database.upgrade`."""
        ...


async def read_schema(settings: StoreSettings) -> Outcome:
    """See `database.read_schema`."""
    try:
        async with _connection(settings, "plan") as db:
            return await _read(db, settings)
    except FAULTS as error:
        return _stopped(settings, Verdict.UNREACHABLE, dependency_error(error).message)


async def upgrade(
    settings: StoreSettings, clock: Clock, *, lock_timeout_s: float, pre_only: bool
) -> Outcome:
    """See `database.upgrade`."""
    queries, known = load_queries(Engine.POSTGRES), load_migrations(Engine.POSTGRES)
    try:
        async with _connection(settings, "upgrade") as db:
            run = PostgresUpgrade(db, settings, queries, known, clock, pre_only=pre_only)
            try:
                done = await run.run(lock_timeout_s)
            except Obstructed:
                done = ()  # what stands in the way is read again, with everything around it
            return msgspec.structs.replace(await _read(db, settings), done=done)
    except Locked as error:
        return _stopped(settings, Verdict.LOCKED, "the lock was not free in time", error.holders)
    except Failed as error:
        return _stopped(settings, Verdict.FAILED, error.reason, (error.name,))
    except FAULTS as error:
        return _stopped(settings, Verdict.UNREACHABLE, dependency_error(error).message)


async def _read(db: asyncpg.Connection, settings: StoreSettings) -> Outcome:
    queries, known = load_queries(Engine.POSTGRES), load_migrations(Engine.POSTGRES)
    async with asyncio.timeout(settings.query_timeout), transaction(db, settings):
        plan = await read_plan(db, queries, known)
    server = db.get_settings().server_version.partition(" ")[0]  # "18.4 (Debian ...)"
    return outcome_of(plan, engine=ROLE, address=address(settings), server=server)


@asynccontextmanager
async def _connection(settings: StoreSettings, verb: str) -> AsyncIterator[asyncpg.Connection]:
    # The name is what another runner prints when it waits for this one.
    db = await connect(settings, f"{APPLICATION} db {verb}")
    try:
        yield db
    except BaseException:
        db.terminate()  # a server that hangs would let a polite goodbye wait
        raise
    await db.close(timeout=_GOODBYE_S)


def address(settings: StoreSettings) -> str:
    """Show which database is meant: normalised scheme, name and schema; no host, no password."""
    if settings.url is None:
        return ""
    parts = urlsplit(settings.url.reveal())
    return f"{parts.scheme}://***{parts.path}, schema {settings.schema}"


def _stopped(
    settings: StoreSettings, verdict: Verdict, reason: str, names: tuple[str, ...] = ()
) -> Outcome:
    return Outcome(
        engine=ROLE, address=address(settings), verdict=verdict, reason=reason, names=names
    )
