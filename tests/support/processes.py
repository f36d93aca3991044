"""A server process of a test that can be killed, hung, and started again."""

import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path


def hold_port() -> tuple[int, int]:
    """Take a loopback port: gives a descriptor that holds it, and the port.

    While it is held nobody gets the port by chance, but a server that sets SO_REUSEADDR, as all of
    them do, may listen on it; until one does, connections are refused.
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        port: int = holder.getsockname()[1]
        return holder.detach(), port


def free_port() -> int:
    """A loopback port for a server yet to start; held as long as the tests run."""
    return hold_port()[1]


def children(pid: int) -> list[int]:
    """Pids of the direct children; empty when the process is gone."""
    try:
        return [
            int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        ]
    except OSError:
        return []


class ServerProcess:
    """One server with its children. Signals reach all of them: a backend would answer otherwise."""

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        wait: Callable[[], None],
        user: str | None = None,
    ) -> None:
        self._command = command
        self._folder = folder
        self._wait = wait
        self._user = user
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        log = (self._folder / "server.log").open("ab")
        with log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                stdout=log,
                stderr=log,
                user=self._user,
                start_new_session=True,
            )
        self._wait()

    def log(self) -> str:
        """What it has written so far."""
        return (self._folder / "server.log").read_text(encoding="utf-8", errors="replace")

    def kill(self) -> None:
        """End it as `kill -9` does; nothing is written or closed."""
        pids = self._pids()
        for pid in pids:
            _signal(pid, signal.SIGKILL)
        if self._process is not None:
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """Hang it: it keeps its sockets and answers nothing."""
        for pid in self._pids():
            _signal(pid, signal.SIGSTOP)

    def cont(self) -> None:
        """Let it go on, the server itself last."""
        for pid in reversed(self._pids()):
            _signal(pid, signal.SIGCONT)

    def restart(self) -> None:
        """Kill it if it runs, then start it on the same port with the same data."""
        self.kill()
        self.start()

    def _pids(self) -> list[int]:
        if self._process is None:
            return []
        _signal(self._process.pid, signal.SIGSTOP)  # so that it makes no child meanwhile
        return [self._process.pid, *children(self._process.pid)]


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
