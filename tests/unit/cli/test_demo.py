"""Installing the demo model."""

import re
import sys
from importlib.resources import files
from pathlib import Path

import pytest

from hx_gateway.cli.demo import install_command

PINNED = ["--no-deps", "--require-hashes", "-r", "list.txt"]


@pytest.mark.parametrize(
    ("has_pip", "uv", "tool"),
    [
        (True, None, [sys.executable, "-m", "pip", "install"]),
        (True, "/bin/uv", [sys.executable, "-m", "pip", "install"]),
        (False, "/bin/uv", ["/bin/uv", "pip", "install", "--python", sys.executable]),
    ],
)
def test_the_package_is_installed_alone_and_by_hash(
    has_pip: bool, uv: str | None, tool: list[str]
) -> None:
    assert install_command(Path("list.txt"), has_pip=has_pip, uv=uv) == [*tool, *PINNED]


def test_without_pip_and_uv_there_is_no_way() -> None:
    assert install_command(Path("list.txt"), has_pip=False, uv=None) is None


def test_every_line_of_the_list_is_pinned_by_hash() -> None:
    text = (files("hx_gateway") / "data" / "demo-model.txt").read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert lines
    assert all(
        re.fullmatch(r"[a-z0-9-]+==[\d.]+ --hash=sha256:[0-9a-f]{64}", line) for line in lines
    )
