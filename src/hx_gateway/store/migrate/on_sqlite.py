"""Plan and apply migrations on a SQLite connection.

The connection must be in autocommit mode (`isolation_level=None`): the one transaction is ours.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from hx_gateway.core.clock import Clock
from hx_gateway.store.migrate.errors import Failed, Locked, Obstructed
from hx_gateway.store.migrate.plan import LEDGER, Entry, Migration, Plan, make_plan
from hx_gateway.store.queries import Queries


def read_plan(connection: sqlite3.Connection, queries: Queries, known: Sequence[Migration]) -> Plan:
    """Read ledger and tables, and compare them with the known migrations."""
    tables = {name for (name,) in connection.execute(queries.list_tables)}
    ledger = None
    if LEDGER in tables:
        rows = connection.execute(queries.list_migrations)
        ledger = [Entry(name=name, checksum=sha, finished=bool(done)) for name, sha, done in rows]
    return make_plan(known, ledger, tables - {LEDGER})


def upgrade(
    connection: sqlite3.Connection, queries: Queries, known: Sequence[Migration], clock: Clock
) -> tuple[str, ...]:
    """Apply what is pending, all in one transaction; gives the names that were applied.

    Raises Obstructed, Locked (after the connection's busy timeout) and Failed.
    """
    plan = read_plan(connection, queries, known)
    if not plan.pending and plan.obstacle is None:
        return ()  # the usual start: nothing to write, so no lock is asked for
    with _transaction(connection):
        plan = read_plan(connection, queries, known)
        if plan.obstacle:
            raise Obstructed(plan.obstacle)
        connection.execute(queries.create_ledger)
        for step in plan.pending:
            _apply(connection, queries, step, clock)
    return tuple(step.name for step in plan.pending)


def _apply(connection: sqlite3.Connection, queries: Queries, step: Migration, clock: Clock) -> None:
    started = clock.now()
    try:
        for statement in split(step.sql):
            connection.execute(statement)
    except sqlite3.Error as error:
        raise Failed(step.name, str(error)) from error
    values = (step.name, step.checksum, started, clock.now())
    connection.execute(queries.record_migration, parameters(values))


def parameters(values: Sequence[object]) -> dict[str, object]:
    """Name values as SQLite names `$1`, `$2` ..."""
    return {str(number): value for number, value in enumerate(values, 1)}


def split(script: str) -> Iterator[str]:
    """Cut a script into statements: `executescript` would commit the transaction around it."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
            raise Locked(("another process is writing to the database file",)) from error
        raise
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
