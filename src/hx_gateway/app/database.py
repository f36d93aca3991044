"""Open what the configuration names as store and counters, and look after the store's schema.

The drivers of PostgreSQL and Redis are imported here only when they are configured: they cost
145 ms and 600 ms, and the port is to be bound within 300.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from hx_gateway.app import database_sqlite
from hx_gateway.app.schema import Outcome
from hx_gateway.core.clock import Clock
from hx_gateway.core.ports import Board, Counters, Store
from hx_gateway.core.snapshot import Snapshot
from hx_gateway.store.counters_process import ProcessCounters
from hx_gateway.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from hx_gateway.app import database_postgres
    from hx_gateway.store.board_redis import RedisBoard
    from hx_gateway.store.counters_redis import RedisCounters
    from hx_gateway.store.postgres import PostgresStore


def store_role(snapshot: Snapshot) -> str:
    """Name the store as errors and checks name it."""
    return "PostgreSQL" if snapshot.store.url else "SQLite"


def open_store(snapshot: Snapshot, clock: Clock) -> Store:
    """Open the store without waiting for it; needs a running event loop.

    PostgreSQL is connected to in the background and never migrated; SQLite opens and migrates
    itself at the first call.
    """
    if snapshot.store.url is None:
        return SqliteStore(database_sqlite.path_of(snapshot), clock)
    made: PostgresStore = import_module("hx_gateway.store.postgres").PostgresStore(
        snapshot.store, clock
    )
    return made


def open_counters(snapshot: Snapshot, clock: Clock) -> Counters:
    """Open the counters without waiting for them; needs a running event loop.

    Raises ModuleNotFoundError when Redis is configured and the extra `redis` is not installed.
    """
    if snapshot.redis.url is None:
        return ProcessCounters(clock)
    made: RedisCounters = import_module("hx_gateway.store.counters_redis").RedisCounters(
        snapshot.redis, clock, prefix=_named(snapshot, "hx:")
    )
    return made


def _named(snapshot: Snapshot, name: str) -> str:
    """Put the namespace before a name in Redis."""
    space = snapshot.redis.namespace
    return f"{space}:{name}" if space else name


def open_board(snapshot: Snapshot, clock: Clock) -> Board | None:
    """Open the board of notes between processes; None when they have no Redis in common."""
    if snapshot.redis.url is None:
        return None
    made: RedisBoard = import_module("hx_gateway.store.board_redis").RedisBoard(
        snapshot.redis, clock, name=_named(snapshot, "hx:board")
    )
    return made


async def read_schema(snapshot: Snapshot) -> Outcome:
    """Say what the schema is and what is pending; changes nothing and takes no lock."""
    if snapshot.store.url is None:
        return await database_sqlite.read_schema(snapshot)
    return await _postgres().read_schema(snapshot.store)


async def upgrade(
    snapshot: Snapshot, clock: Clock, *, lock_timeout_s: float, pre_only: bool = False
) -> Outcome:
    """Bring the schema to this program's; safe to run twice, and by two at once.

    `pre_only` stops before the first step that the last release could not run on.
    """
    if snapshot.store.url is None:
        return await database_sqlite.upgrade(snapshot, clock)
    return await _postgres().upgrade(
        snapshot.store, clock, lock_timeout_s=lock_timeout_s, pre_only=pre_only
    )


def _postgres() -> "database_postgres.Operations":
    made: database_postgres.Operations = import_module("hx_gateway.app.database_postgres")
    return made
