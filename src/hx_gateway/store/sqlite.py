"""Keep everything in one SQLite file: the store of a gateway without a database server.

Reads of one row run on the event loop (7 us each, a thread hop costs 200); everything else runs on
the one writer thread, so writes of this process never wait for each other inside SQLite.
"""

import asyncio
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from hx_gateway.core.clock import Clock, SystemClock
from hx_gateway.core.errors import Conflict, DependencyError
from hx_gateway.core.ports import (
    KeyFilter,
    KeyRecord,
    Standing,
    StoredResponse,
    TeamRecord,
    UserRecord,
)
from hx_gateway.store.migrate.errors import Failed, Locked, Obstructed
from hx_gateway.store.migrate.folder import load_migrations
from hx_gateway.store.migrate.on_sqlite import parameters, read_plan, upgrade
from hx_gateway.store.migrate.plan import blocks_serving
from hx_gateway.store.queries import Engine, load_queries
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
Row = dict[str, object]

ROLE = "SQLite"
_WRITE_WAIT_MS = 5000
_READ_WAIT_MS = 50  # on the event loop: in WAL mode a reader waits only during recovery


class SqliteStore:
    """A store in one file, mode 0600. Opens and migrates itself at the first call.

    A file that cannot be opened is tried again by every call, so a repaired one heals it.
    """

    def __init__(self, path: Path, clock: Clock | None = None) -> None:
        """Remember the path; nothing is opened yet."""
        self._path = path
        self._clock = clock or SystemClock()
        self._sql = load_queries(Engine.SQLITE)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sqlite")
        self._writer: sqlite3.Connection | None = None
        self._reader: sqlite3.Connection | None = None
        self._is_closed = False

    async def get_standing(self, id_: str) -> Standing | None:
        """See `Store`."""
        rows = await self._read(self._sql.get_standing, id_)
        return standing(rows[0]) if rows else None

    async def get_key(self, id_: str) -> KeyRecord | None:
        """See `Store`."""
        return await self._find(KeyRecord, self._sql.get_key, id_)

    async def find_key_by_alias(self, alias: str) -> KeyRecord | None:
        """See `Store`."""
        return await self._find(KeyRecord, self._sql.find_key_by_alias, alias)

    async def insert_key(self, key: KeyRecord) -> None:
        """See `Store`."""
        values = values_of(key)
        await self._write(lambda db: _all(db, self._sql.insert_key, *values))

    async def change_key(
        self, id_: str, change: Callable[[KeyRecord], KeyRecord]
    ) -> KeyRecord | None:
        """See `Store`."""
        statements = (self._sql.get_key, self._sql.update_key)
        return await self._change(KeyRecord, statements, id_, change)

    async def delete_keys(self, ids: Sequence[str]) -> list[str]:
        """See `Store`."""
        return await self._delete(ids, self._sql.delete_keys)

    async def touch_keys(self, used_at: Mapping[str, float]) -> None:
        """See `Store`."""
        wanted = json_map(used_at)
        await self._write(lambda db: _all(db, self._sql.touch_keys, wanted))

    async def list_keys(self, wanted: KeyFilter) -> tuple[list[KeyRecord], int]:
        """See `Store`."""
        which = (wanted.alias, wanted.user_id, wanted.team_id)
        page = (wanted.limit, wanted.offset)

        def read(db: sqlite3.Connection) -> tuple[list[KeyRecord], int]:
            (count,) = _all(db, self._sql.count_keys, *which)
            rows = _all(db, self._sql.list_keys, *which, *page)
            return [record(row, KeyRecord) for row in rows], whole(count["total"])

        return await self._list(read)

    async def get_team(self, id_: str) -> TeamRecord | None:
        """See `Store`."""
        return await self._find(TeamRecord, self._sql.get_team, id_)

    async def list_teams(self) -> list[TeamRecord]:
        """See `Store`."""
        rows = await self._list(lambda db: _all(db, self._sql.list_teams))
        return [record(row, TeamRecord) for row in rows]

    async def insert_team(self, team: TeamRecord) -> None:
        """See `Store`."""
        values = values_of(team)
        await self._write(lambda db: self._revoke(db, self._sql.insert_team, values))

    async def change_team(
        self, id_: str, change: Callable[[TeamRecord], TeamRecord]
    ) -> TeamRecord | None:
        """See `Store`."""
        statements = (self._sql.get_team, self._sql.update_team)
        return await self._change(TeamRecord, statements, id_, change)

    async def delete_teams(self, ids: Sequence[str]) -> list[str]:
        """See `Store`."""
        return await self._delete(ids, self._sql.delete_teams, self._sql.delete_team_keys)

    async def get_user(self, id_: str) -> UserRecord | None:
        """See `Store`."""
        return await self._find(UserRecord, self._sql.get_user, id_)

    async def list_users(self) -> list[UserRecord]:
        """See `Store`."""
        rows = await self._list(lambda db: _all(db, self._sql.list_users))
        return [record(row, UserRecord) for row in rows]

    async def insert_user(self, user: UserRecord) -> None:
        """See `Store`."""
        values = values_of(user)
        await self._write(lambda db: self._revoke(db, self._sql.insert_user, values))

    async def change_user(
        self, id_: str, change: Callable[[UserRecord], UserRecord]
    ) -> UserRecord | None:
        """See `Store`."""
        statements = (self._sql.get_user, self._sql.update_user)
        return await self._change(UserRecord, statements, id_, change)

    async def delete_users(self, ids: Sequence[str]) -> list[str]:
        """See `Store`."""
        return await self._delete(ids, self._sql.delete_users, self._sql.delete_user_keys)

    async def revocation_epoch(self) -> int:
        """See `Store`."""
        (row,) = await self._read(self._sql.revocation_epoch)
        return whole(row["value"])

    async def keep_response(self, response: StoredResponse) -> None:
        """See `Responses`."""
        values = values_of(response)
        await self._write(lambda db: _all(db, self._sql.keep_response, *values))

    async def get_response(self, owner: str, id_: str, *, now: float) -> StoredResponse | None:
        """See `Responses`. On the thread: a conversation may be megabytes."""
        rows = await self._list(lambda db: _all(db, self._sql.get_response, owner, id_, now))
        return record(rows[0], StoredResponse) if rows else None

    async def delete_response(self, owner: str, id_: str, *, now: float) -> bool:
        """See `Responses`."""
        return bool(
            await self._write(lambda db: _all(db, self._sql.delete_response, owner, id_, now))
        )

    async def sweep_responses(self, *, now: float, most: int) -> int:
        """See `Responses`."""
        return len(await self._write(lambda db: _all(db, self._sql.sweep_responses, now, most)))

    async def ping(self) -> None:
        """See `Store`."""
        await self._read(self._sql.revocation_epoch)

    async def aclose(self) -> None:
        """See `Store`."""
        if self._is_closed:
            return
        self._is_closed = True
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close_writer)
        self._thread.shutdown(wait=False)
        # Here, where it reads: closed by another thread in the middle of a read, which a checkup
        # may be at to the last, it ends the process with SIGSEGV.
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    async def _find(self, type_: type[Record], sql: str, value: str) -> Record | None:
        rows = await self._read(sql, value)
        return record(rows[0], type_) if rows else None

    async def _change(
        self,
        type_: type[Record],
        statements: tuple[str, str],
        id_: str,
        change: Callable[[Record], Record],
    ) -> Record | None:
        get, update = statements

        def work(db: sqlite3.Connection) -> Record | None:
            rows = _all(db, get, id_)
            if not rows:
                return None
            changed: Record = change(record(rows[0], type_))
            self._revoke(db, update, (*values_of(changed), id_))
            return changed

        return await self._write(work)

    async def _delete(self, ids: Sequence[str], delete: str, *and_theirs: str) -> list[str]:
        """Remove rows, and what belongs to those that were really there."""
        wanted = json_list(ids)

        def work(db: sqlite3.Connection) -> list[str]:
            gone = [str(row["id"]) for row in _all(db, delete, wanted)]
            for sql in and_theirs:
                _all(db, sql, json_list(gone))
            if gone:
                db.execute(self._sql.bump_epoch)
            return gone

        return await self._write(work)

    def _revoke(self, db: sqlite3.Connection, sql: str, values: Sequence[object]) -> None:
        _all(db, sql, *values)
        db.execute(self._sql.bump_epoch)

    async def _read(self, sql: str, *values: object) -> list[Row]:
        """Read a row or two on the event loop."""
        reader = self._reader
        if reader is None:
            reader = await self._on_thread(self._open_reader)
        with _translated():
            return _all(reader, sql, *values)

    async def _list(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Read many rows on the thread; all statements of `work` see the same state."""
        return await self._on_thread(lambda: _transaction(self._open(), "BEGIN", work))

    async def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Write on the thread, all or nothing."""
        return await self._on_thread(lambda: _transaction(self._open(), "BEGIN IMMEDIATE", work))

    async def _on_thread(self, work: Callable[[], T]) -> T:
        if self._is_closed:
            raise DependencyError(ROLE)
        with _translated():
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _open(self) -> sqlite3.Connection:
        if self._writer is None:
            writer = connect(self._path)
            try:
                self._migrate(writer)
            except BaseException:
                writer.close()
                raise
            self._writer = writer
        return self._writer

    def _migrate(self, writer: sqlite3.Connection) -> None:
        known = load_migrations(Engine.SQLITE)
        try:
            upgrade(writer, self._sql, known, self._clock)
        except Obstructed as error:
            if code := blocks_serving(read_plan(writer, self._sql, known)):
                raise schema_error(ROLE, code) from error

    def _open_reader(self) -> sqlite3.Connection:
        if self._reader is None:
            self._open()
            reader = connect(self._path)
            reader.execute(f"PRAGMA busy_timeout = {_READ_WAIT_MS}")
            reader.execute("PRAGMA query_only = ON")
            self._reader = reader
        return self._reader

    def _close_writer(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def connect(path: Path) -> sqlite3.Connection:
    """Open a database file that only its owner can read; makes it and its folder if need be.

    Raises OSError and sqlite3.Error.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # SQLite would make the file with the umask of the process; its -wal and -shm copy this mode.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)
    # A connection is used by one thread at a time, which sqlite3 cannot see.
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    connection.execute(f"PRAGMA busy_timeout = {_WRITE_WAIT_MS}")
    connection.execute("PRAGMA journal_mode = WAL")
    # NORMAL may lose the last commits when the power goes: a revoked key would work again.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def _transaction(db: sqlite3.Connection, begin: str, work: Callable[[sqlite3.Connection], T]) -> T:
    db.execute(begin)
    try:
        result = work(db)
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")
    return result


def _all(db: sqlite3.Connection, sql: str, *values: object) -> list[Row]:
    return [dict(row) for row in db.execute(sql, parameters(values))]


@contextmanager
def _translated() -> Iterator[None]:
    """Turn what SQLite and the file system raise into our own errors."""
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise Conflict(TAKEN) from error
    except (sqlite3.Error, OSError, Locked, Failed) as error:
        raise DependencyError(ROLE) from error
