"""The file that says who serves."""

import os
from pathlib import Path

from hx_gateway.app.pidfile import pid_path, read_pid, write_pid


def test_who_serves_can_be_read(tmp_path: Path) -> None:
    assert read_pid(tmp_path) is None
    write_pid(pid_path(tmp_path))
    assert read_pid(tmp_path) == os.getpid()


def test_a_start_does_not_fail_where_it_cannot_be_written(tmp_path: Path) -> None:
    """A full disk ended the start with a traceback; what needs no state can be served."""
    write_pid(pid_path(tmp_path / "nowhere"))
    assert read_pid(tmp_path / "nowhere") is None
