"""`hx-gateway db` on real databases: what it prints, what it never prints, how it exits."""

import argparse
import asyncio
from itertools import count
from pathlib import Path

import msgspec
import pytest
from tests.support.migrations import OWN
from tests.support.postgres import PASSWORD, PostgresServer
from tests.support.postgres import run_sync as run_sql

from hx_gateway.app import database
from hx_gateway.app.database_sqlite import path_of
from hx_gateway.cli.db import Exit, run_plan, run_status, run_upgrade
from hx_gateway.cli.main import build_parser
from hx_gateway.core.clock import SystemClock
from hx_gateway.core.secret import Secret
from hx_gateway.core.snapshot import Snapshot, StoreSettings
from hx_gateway.store.counters_process import ProcessCounters
from hx_gateway.store.migrate.on_postgres import LOCK
from hx_gateway.store.sqlite import SqliteStore

_numbers = count()


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    """A database of its own for each test."""
    return postgres.url(f"command{next(_numbers)}")


@pytest.fixture
def snapshot(tmp_path: Path, url: str) -> Snapshot:
    return Snapshot(state_dir=tmp_path, routes={}, store=StoreSettings(url=Secret(url)))


@pytest.fixture(autouse=True)
def configured(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment that the command finds; the driver in the scheme is normalised away."""
    url = url.replace("postgresql://", "postgresql+asyncpg://")
    values = {
        "DATABASE_URL": f"{url}&connect_timeout=30&socket_timeout=30",
        "HX_STATE_DIR": str(tmp_path),
        "LITELLM_MASTER_KEY": "sk-0123456789abcdef0123456789abcdef",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)


def arguments(*words: str) -> argparse.Namespace:
    return build_parser(["db"]).parse_args(["db", *words])


def run(*words: str) -> int:
    args = arguments(*words)
    return int(args.run(args))


def test_the_words_name_the_command() -> None:
    assert arguments("plan").run is run_plan
    assert arguments("status", "--config", "f.yaml").config == Path("f.yaml")
    assert arguments("upgrade", "--lock-timeout", "2").lock_timeout == 2.0
    assert arguments("upgrade").run is run_upgrade
    assert arguments("status").run is run_status


def test_the_way_of_a_new_database(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("status") == Exit.PENDING
    assert "schema version: none" in capsys.readouterr().out
    assert run("plan") == Exit.OK
    assert f"pending {OWN[0].name}" in capsys.readouterr().out
    assert run("status") == Exit.PENDING  # a plan changes nothing
    assert run("upgrade") == Exit.OK
    assert f"applied {OWN[-1].name}" in capsys.readouterr().out
    for _ in range(2):
        assert run("upgrade") == Exit.OK
        assert "nothing to do" in capsys.readouterr().out
    assert run("status") == Exit.OK
    out = capsys.readouterr().out
    assert f"schema version: {OWN[-1].name}" in out
    assert "PostgreSQL 18.4 (postgresql://***/command" in out
    assert PASSWORD not in out


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        ("DROP TABLE hx_migrations", Exit.LEDGER_MISSING),
        ("UPDATE hx_migrations SET finished_at = NULL", Exit.HALF_WRITTEN),
        ("INSERT INTO hx_migrations VALUES ('9999_pre_z', 'x', 1, 1)", Exit.NEWER),
        ("UPDATE hx_migrations SET checksum = 'x'", Exit.CHANGED),
        ("DROP TABLE hx_users", Exit.TABLES_MISSING),
    ],
)
def test_each_problem_has_its_exit_code_and_next_step(
    url: str, capsys: pytest.CaptureFixture[str], damage: str, code: Exit
) -> None:
    run("upgrade")
    run_sql(url, damage)
    capsys.readouterr()
    for words in ("upgrade", "status", "plan"):
        assert run(words) == code
        assert "next: " in capsys.readouterr().err


def test_the_holder_of_the_lock_is_printed(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    async def hold_and_run() -> int:
        from hx_gateway.store.postgres_pool import connect

        holder = await connect(StoreSettings(url=Secret(url)), "the other runner")
        try:
            async with holder.transaction():
                await holder.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
                return await asyncio.to_thread(run, "upgrade", "--lock-timeout", "0.2")
        finally:
            await holder.close()

    assert asyncio.run(hold_and_run()) == Exit.LOCKED
    assert "the other runner" in capsys.readouterr().err


@pytest.mark.parametrize("words", ["plan", "status", "upgrade"])
def test_a_server_that_hangs_is_reported_in_time(
    postgres: PostgresServer,
    url: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: str,
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"{url}&connect_timeout=1&socket_timeout=1")
    postgres.stop()
    try:
        code = run(words)
    finally:
        postgres.cont()
    assert code == Exit.UNREACHABLE
    told = capsys.readouterr()
    assert "PostgreSQL did not answer in time." in told.err
    assert "127.0.0.1" not in told.out + told.err
    assert PASSWORD not in told.out + told.err


def test_json_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    run("upgrade")
    capsys.readouterr()
    assert run("status", "--json") == Exit.OK
    told = msgspec.json.decode(capsys.readouterr().out)
    assert (told["verdict"], told["version"]) == ("current", OWN[-1].name)


async def test_without_an_address_the_store_is_a_file(tmp_path: Path) -> None:
    embedded = Snapshot(state_dir=tmp_path, routes={})
    before = await database.read_schema(embedded)
    assert before.pending == tuple(own.name for own in OWN)
    assert not path_of(embedded).exists()  # looking makes nothing
    done = await database.upgrade(embedded, SystemClock(), lock_timeout_s=60)
    assert done.done == tuple(own.name for own in OWN)
    assert (await database.upgrade(embedded, SystemClock(), lock_timeout_s=60)).done == ()
    store = database.open_store(embedded, SystemClock())
    assert isinstance(store, SqliteStore)
    await store.ping()
    await store.aclose()
    assert database.store_role(embedded) == "SQLite"
    assert isinstance(database.open_counters(embedded, SystemClock()), ProcessCounters)


async def test_with_an_address_the_store_is_the_server(snapshot: Snapshot) -> None:
    await database.upgrade(snapshot, SystemClock(), lock_timeout_s=60)
    store = database.open_store(snapshot, SystemClock())
    await store.ping()
    await store.aclose()
    assert database.store_role(snapshot) == "PostgreSQL"
