"""One gateway to a state directory: a second takes its sockets, its pid file and its documents."""

import contextlib
import fcntl
import os
from pathlib import Path

from hx_gateway.core.clock import Clock
from hx_gateway.core.errors import ConfigError

LOCK = "hx-gateway.lock"
PATIENCE_S = 15.0  # beyond the time that live streams are given: the last of a stop takes a moment
_STEP_S = 0.1
_ENDING = "ending"


class Tenure:
    """The use of a state directory by one process, or by the workers of one parent.

    The lock is the system's, so it ends with its process, however that ends. Where a file system
    has none, nobody is kept out.
    """

    def __init__(self, state_dir: Path, clock: Clock, *, is_worker: bool) -> None:
        """The directory exists. Workers share it with one another, and go by their parent's id."""
        self._path = state_dir / LOCK
        self._clock = clock
        self._kind = fcntl.LOCK_SH if is_worker else fcntl.LOCK_EX
        self._pid = os.getppid() if is_worker else os.getpid()
        self._file: int | None = None

    async def begin(self, limit_s: float) -> None:
        """Take it up, after whoever is about to stop; raises ConfigError when another serves."""
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        end = self._clock.monotonic() + limit_s
        while not self._is_ours(self._file):
            holder = self._read(self._file)
            if _ENDING not in holder or self._clock.monotonic() >= end:
                self.end()
                raise ConfigError((_taken(self._path.parent, holder),))
            await self._clock.sleep(_STEP_S)
        self._write("")

    def ending(self) -> None:
        """Tell who comes next that waiting is worth it."""
        self._write(_ENDING)

    def end(self) -> None:
        """Leave it to the next; an end of the process does the same."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _is_ours(self, file: int) -> bool:
        try:
            fcntl.flock(file, self._kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            pass  # no locks here
        return True

    def _read(self, file: int) -> list[str]:
        return os.pread(file, 100, 0).decode(errors="replace").split()

    def _write(self, word: str) -> None:
        if self._file is None:
            return
        with contextlib.suppress(OSError):  # a full disk: the lock holds without a name
            os.ftruncate(self._file, 0)
            os.write(self._file, f"{self._pid} {word}\n".encode())  # appended: to an empty file


def _taken(state_dir: Path, holder: list[str]) -> str:
    by = f" (process {holder[0]})" if holder else ""
    return (
        f"another gateway{by} has the state directory {state_dir}; "
        "stop it, or give this one its own with HX_STATE_DIR"
    )
