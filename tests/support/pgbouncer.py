"""A real PgBouncer before the real PostgreSQL, in transaction mode, where it is installed.

Each transaction may get another session of few: whatever relies on a session is found out.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
from tests.support.postgres import PASSWORD, UNPRIVILEGED, PostgresServer, run_sync
from tests.support.processes import ServerProcess, free_port

SESSIONS = 2


class Pooler:
    """One running PgBouncer; `url(name)` is the way through it to a database of the server."""

    def __init__(self, server: PostgresServer, port: int) -> None:
        self._server = server
        self.port = port

    def url(self, database: str) -> str:
        direct = self._server.url(database)
        return direct.replace(f":{self._server.port}/", f":{self.port}/")


def is_installed() -> bool:
    return shutil.which("pgbouncer") is not None


@contextmanager
def pgbouncer_before(server: PostgresServer) -> Iterator[Pooler]:
    """Run it as long as wanted."""
    folder = Path(tempfile.mkdtemp(prefix="hx-pgbouncer-"))
    user = UNPRIVILEGED if os.geteuid() == 0 else None  # it refuses to run as root
    port = free_port()
    users, config = folder / "users.txt", folder / "pgbouncer.ini"
    users.write_text('"postgres" "{}"\n'.format(PASSWORD.replace('"', '""')))
    config.write_text(
        f"""[databases]
* = host=127.0.0.1 port={server.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {users}
pool_mode = transaction
default_pool_size = {SESSIONS}
max_client_conn = 200
"""
    )
    try:
        if user is not None:
            for path in (folder, users, config):
                shutil.chown(path, user)
        process = ServerProcess(
            ["pgbouncer", "-q", str(config)], folder, lambda: _wait(server, port), user
        )
        process.start()
        try:
            yield Pooler(server, port)
        finally:
            process.kill()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait(server: PostgresServer, port: int) -> None:
    """Wait until the server answers through it."""
    deadline = time.monotonic() + 20
    url = server.url().replace(f":{server.port}/", f":{port}/")
    while True:
        try:
            run_sync(url, "SELECT 1")
        except (OSError, asyncpg.PostgresError, TimeoutError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.03)
        else:
            return
