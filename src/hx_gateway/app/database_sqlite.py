"""The schema of the embedded store. It migrates itself when it opens; this only says how it is."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

from hx_gateway.app.schema import Outcome, Verdict, outcome_of
from hx_gateway.core.clock import Clock
from hx_gateway.core.snapshot import Snapshot
from hx_gateway.store import sqlite
from hx_gateway.store.migrate.errors import Failed, Locked, Obstructed
from hx_gateway.store.migrate.folder import load_migrations
from hx_gateway.store.migrate.on_sqlite import read_plan
from hx_gateway.store.migrate.on_sqlite import upgrade as apply
from hx_gateway.store.migrate.plan import Plan, make_plan
from hx_gateway.store.queries import Engine, load_queries

FILE = "hx-gateway.db"


def path_of(snapshot: Snapshot) -> Path:
    """Say where the embedded store keeps its file."""
    return snapshot.state_dir / FILE


async def read_schema(snapshot: Snapshot) -> Outcome:
    """See `database.read_schema`."""
    return await asyncio.to_thread(_read, path_of(snapshot))


async def upgrade(snapshot: Snapshot, clock: Clock) -> Outcome:
    """See `database.upgrade`."""
    return await asyncio.to_thread(_upgrade, path_of(snapshot), clock)


def _read(path: Path, done: tuple[str, ...] = ()) -> Outcome:
    known = load_migrations(Engine.SQLITE)
    if not path.exists():
        return _described(path, make_plan(known, None, ()))
    try:
        with closing(sqlite.connect(path)) as db:
            plan = read_plan(db, load_queries(Engine.SQLITE), known)
    except (sqlite3.Error, OSError) as error:
        return _stopped(path, Verdict.UNREACHABLE, str(error))
    return _described(path, plan, done)


def _upgrade(path: Path, clock: Clock) -> Outcome:
    try:
        with closing(sqlite.connect(path)) as db:
            queries = load_queries(Engine.SQLITE)
            done = apply(db, queries, load_migrations(Engine.SQLITE), clock)
    except Obstructed:
        return _read(path)
    except Locked as error:
        return _stopped(path, Verdict.LOCKED, str(error), error.holders)
    except Failed as error:
        return _stopped(path, Verdict.FAILED, error.reason, (error.name,))
    except (sqlite3.Error, OSError) as error:
        return _stopped(path, Verdict.UNREACHABLE, str(error))
    return _read(path, done)


def _described(path: Path, plan: Plan, done: tuple[str, ...] = ()) -> Outcome:
    return outcome_of(
        plan, engine=sqlite.ROLE, address=str(path), server=sqlite3.sqlite_version, done=done
    )


def _stopped(path: Path, verdict: Verdict, reason: str, names: tuple[str, ...] = ()) -> Outcome:
    return Outcome(
        engine=sqlite.ROLE, address=str(path), verdict=verdict, reason=reason, names=names
    )
