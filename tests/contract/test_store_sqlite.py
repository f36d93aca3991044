"""What only the SQLite store must keep to: its file, its durability, its own migration."""

import asyncio
import contextlib
import sqlite3
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.support.migrations import OWN
from tests.support.records import key_id, key_record

from hx_gateway.core.errors import DependencyError
from hx_gateway.core.ports import KeyFilter
from hx_gateway.store.migrate.plan import LEDGER
from hx_gateway.store.sqlite import SqliteStore, connect

OPEN = """
import asyncio, sys
from pathlib import Path
from hx_gateway.store.sqlite import SqliteStore
async def main():
    store = SqliteStore(Path(sys.argv[1]))
    await store.ping()
    await store.aclose()
asyncio.run(main())
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "hx.db"


@pytest.fixture
async def own(path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(path)
    yield store
    await store.aclose()


def write(path: Path, content: bytes) -> None:
    """Put a file there that everybody may read."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o644)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_only_the_owner_can_read_its_files(own: SqliteStore, path: Path) -> None:
    await own.insert_key(key_record())
    files = sorted(path.parent.iterdir())
    assert [file.name for file in files] == ["hx.db", "hx.db-shm", "hx.db-wal"]
    assert {mode(file) for file in files} == {0o600}
    assert mode(path.parent) == 0o700


async def test_a_file_that_others_could_read_is_closed_to_them(
    own: SqliteStore, path: Path
) -> None:
    write(path, b"")
    await own.ping()
    assert mode(path) == 0o600


async def test_keys_outlive_the_process(own: SqliteStore, path: Path) -> None:
    await own.insert_key(key_record())
    await own.change_key(key_id(), lambda _: key_record(blocked=True))
    await own.aclose()
    again = SqliteStore(path)
    assert await again.get_key(key_id()) == key_record(blocked=True)
    assert await again.revocation_epoch() == 1
    await again.aclose()


def test_a_commit_is_on_the_disk_when_it_returns(path: Path) -> None:
    """WAL with `synchronous = NORMAL` would give a revoked key back after a power cut."""
    with closing(connect(path)) as db:
        pragmas = [
            db.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert pragmas == ["wal", 2, 1]


def test_processes_that_open_it_at_once_migrate_it_once(path: Path) -> None:
    runs = [subprocess.Popen([sys.executable, "-c", OPEN, str(path)]) for _ in range(3)]
    assert [run.wait() for run in runs] == [0, 0, 0]
    with closing(sqlite3.connect(path)) as db:
        assert db.execute(f"SELECT count(*) FROM {LEDGER}").fetchone() == (len(OWN),)


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (f"INSERT INTO {LEDGER} VALUES ('9999_post_future', 'x', 1, 1)", "schema_newer"),
        (f"DROP TABLE {LEDGER}", "schema_ledger_missing"),
        (f"UPDATE {LEDGER} SET finished_at = NULL", "schema_half_written"),
        (f"UPDATE {LEDGER} SET checksum = 'x'", "schema_changed"),
        ("DROP TABLE hx_users", "schema_tables_missing"),
    ],
)
async def test_a_file_that_does_not_fit_is_refused_by_name(
    own: SqliteStore, path: Path, damage: str, code: str
) -> None:
    await own.ping()
    await own.aclose()
    with closing(sqlite3.connect(path)) as db:
        db.execute(damage)
        db.commit()
    again = SqliteStore(path)
    with pytest.raises(DependencyError) as caught:
        await again.ping()
    assert caught.value.error_code == code
    await again.aclose()


async def test_the_last_release_runs_on_a_file_that_only_gained_something(
    own: SqliteStore, path: Path
) -> None:
    await own.ping()
    await own.aclose()
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"INSERT INTO {LEDGER} VALUES ('9999_pre_future', 'x', 1, 1)")
        db.commit()
    again = SqliteStore(path)
    await again.ping()
    await again.aclose()


async def test_what_cannot_be_opened_is_tried_again(own: SqliteStore, path: Path) -> None:
    write(path, b"this is no database, but long enough to look at" * 50)
    for call in (own.ping(), own.insert_key(key_record())):
        with pytest.raises(DependencyError) as caught:
            await call
        assert caught.value.role == "SQLite"
    write(path, b"")
    await own.insert_key(key_record())
    assert await own.get_key(key_id()) == key_record()


async def test_a_writer_elsewhere_does_not_stop_readers(own: SqliteStore, path: Path) -> None:
    await own.insert_key(key_record())
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert await own.get_key(key_id()) == key_record()
        assert (await own.list_keys(KeyFilter()))[1] == 1
        write = asyncio.ensure_future(own.delete_keys([key_id()]))
        await asyncio.sleep(0.1)
        assert not write.done()
        other.execute("ROLLBACK")
    assert await write == [key_id()]


async def test_a_read_while_it_closes_is_answered_or_refused(tmp_path: Path) -> None:
    """A checkup that ran on while the gateway stopped ended the process with SIGSEGV.

    One thread read through a connection that another one closed.
    """
    for turn in range(100):
        store = SqliteStore(tmp_path / f"{turn % 3}.db")
        await store.ping()

        async def read(store: SqliteStore = store) -> None:
            with contextlib.suppress(DependencyError):
                while True:
                    for _ in range(20):
                        await store.ping()
                    await asyncio.sleep(0)

        reading = [asyncio.create_task(read()) for _ in range(5)]
        await asyncio.sleep(0)
        await store.aclose()
        await asyncio.gather(*reading)
        with pytest.raises(DependencyError):
            await store.list_teams()
