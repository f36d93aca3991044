"""The file that says which process serves a state directory, and since when it runs as it does."""

import logging
import os
from pathlib import Path

_log = logging.getLogger(__name__)


def pid_path(state_dir: Path) -> Path:
    """Say where it is. The file's time is that of the last configuration that was taken up."""
    return state_dir / "hx-gateway.pid"


def write_pid(path: Path) -> None:
    """Say that this process serves, with what it has taken up just now.

    A full disk is no reason not to: what needs no state goes on, and `reload` is all that waits.
    """
    try:
        path.write_text(f"{os.getpid()}\n")
    except OSError as error:
        _log.warning("%s cannot be written: %s", path.name, (error.strerror or "").lower())


def read_pid(state_dir: Path) -> int | None:
    """Give the process that serves; None when none says so."""
    try:
        return int(pid_path(state_dir).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
