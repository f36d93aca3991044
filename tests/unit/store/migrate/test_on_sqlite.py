"""Migrations on SQLite, in memory: one transaction for all of them."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256

import pytest
from tests.support.clock import FakeClock

from hx_gateway.store.migrate.errors import Failed
from hx_gateway.store.migrate.folder import load_migrations
from hx_gateway.store.migrate.on_sqlite import parameters, read_plan, split, upgrade
from hx_gateway.store.migrate.plan import Kind, Migration
from hx_gateway.store.queries import Engine, load_queries

QUERIES = load_queries(Engine.SQLITE)
OWN = load_migrations(Engine.SQLITE)


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        yield connection


def step(name: str, sql: str) -> Migration:
    return Migration(name=name, kind=Kind.PRE, sql=sql, checksum=sha256(sql.encode()).hexdigest())


def test_a_second_run_does_nothing(db: sqlite3.Connection) -> None:
    names = tuple(known.name for known in OWN)
    assert upgrade(db, QUERIES, OWN, FakeClock()) == names
    assert upgrade(db, QUERIES, OWN, FakeClock()) == ()
    assert read_plan(db, QUERIES, OWN).version == names[-1]


def test_a_refused_step_leaves_nothing_at_all(db: sqlite3.Connection) -> None:
    bad = step("0900_pre_bad", "CREATE TABLE half (a INTEGER);\nSELECT wrong;\n")
    with pytest.raises(Failed) as caught:
        upgrade(db, QUERIES, [*OWN, bad], FakeClock())
    assert caught.value.name == bad.name
    assert db.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,)


def test_the_ledger_keeps_when_it_happened(db: sqlite3.Connection) -> None:
    upgrade(db, QUERIES, OWN, FakeClock(now=5.0))
    rows = db.execute("SELECT started_at, finished_at FROM hx_migrations").fetchall()
    assert rows == [(5.0, 5.0)] * len(OWN)


@pytest.mark.parametrize(
    ("script", "number"),
    [
        ("SELECT 1;\nSELECT 2;\n", 2),
        ("-- why; not\nSELECT ';';\n", 1),
        ("CREATE TRIGGER t AFTER INSERT ON a BEGIN\n SELECT 1;\n SELECT 2;\nEND;\n", 1),
        ("\n", 0),
    ],
)
def test_a_script_is_cut_between_statements_only(script: str, number: int) -> None:
    assert len(list(split(script))) == number


def test_every_line_of_our_own_scripts_is_run() -> None:
    for known in OWN:
        assert "".join(split(known.sql)) == known.sql


def test_parameters_are_numbered_from_one() -> None:
    assert parameters(("a", None)) == {"1": "a", "2": None}
