"""Decide where files of the state directory and sockets of child processes are."""

import hashlib
import os
import tempfile
from pathlib import Path

# sun_path holds 108 bytes on Linux and 104 on macOS (unix(7)), with a closing zero.
MAX_SOCKET_PATH = 100


def socket_path(state_dir: Path, name: str) -> Path:
    """Say where the child process `name` listens.

    `<state_dir>/run/<name>.sock`, or a short private folder under the platform's temporary one
    when that path would not fit a socket address. Whoever creates the folder gives it mode 0700.
    """
    path = state_dir / "run" / f"{name}.sock"
    if len(os.fsencode(path)) <= MAX_SOCKET_PATH:
        return path
    tag = hashlib.sha256(os.fsencode(state_dir)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"hx-gateway-{os.getuid()}-{tag}" / f"{name}.sock"


def key_path(state_dir: Path) -> Path:
    """Say where a generated master key is kept."""
    return state_dir / "master_key"
