"""The file that says which process serves a state directory, and since when it runs as it does."""

import os
from pathlib import Path


def pid_path(state_dir: Path) -> Path:
    """Say where it is. The file's time is that of the last configuration that was taken up."""
    return state_dir / "hx-gateway.pid"


def write_pid(path: Path) -> None:
    """Say that this process serves, with what it has taken up just now."""
    path.write_text(f"{os.getpid()}\n")


def read_pid(state_dir: Path) -> int | None:
    """Give the process that serves; None when none says so."""
    try:
        return int(pid_path(state_dir).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
