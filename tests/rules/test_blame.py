"""What a failed test left open is told of that test, and of no other."""

import subprocess
import sys
from pathlib import Path

from tests.support.tree import ROOT

TESTS = """
import gc
import socket

async def test_that_fails():
    left = [socket.socket() for _ in range(3)]
    assert len(left) == 4

def test_that_passes():
    gc.collect()
"""


def test_sockets_of_a_failed_test_fail_no_other(tmp_path: Path) -> None:
    """Twenty sockets of a failed end-to-end test once failed a test of histograms."""
    told = run(tmp_path, "tests.conftest")
    assert told == {"FAILED test_that_fails", "ERROR test_that_fails", "PASSED test_that_passes"}


def test_without_the_hook_they_do(tmp_path: Path) -> None:
    assert run(tmp_path, "asyncio") == {"FAILED test_that_fails", "FAILED test_that_passes"}


def run(folder: Path, plugin: str) -> set[str]:
    """Run the two tests with a plugin; gives how they ended."""
    (folder / "test_probe.py").write_text(TESTS)
    options = ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(folder), "-p", plugin]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-rA", "-p", "no:cacheprovider", *options, folder],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line.split() for line in done.stdout.splitlines() if "::test_" in line]
    found = {f"{words[0]} {words[1].split('::')[1]}" for words in lines if words[0].isupper()}
    assert found, done.stdout + done.stderr
    return found
