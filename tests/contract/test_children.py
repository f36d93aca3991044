"""The keeper of child processes, with real ones."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.children import command, kept, running, short_folder, until

from hx_gateway.app.children import ChildCommand, State


@pytest.fixture
def folder() -> Iterator[Path]:
    with short_folder() as folder:
        yield folder


def is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def gone(pid: int) -> bool:
    """Wait until a process has ended."""
    deadline = time.monotonic() + 30
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not is_alive(pid)


def environment(pid: int | None) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


async def test_a_child_that_dies_is_started_again(folder: Path) -> None:
    async with running(command("scripted", folder)) as children:
        (status,) = children.statuses()
        assert status.pid is not None
        os.kill(status.pid, signal.SIGKILL)
        failed = await until(children, "scripted", State.FAILED)
        assert "status -9" in failed.reason
        again = await until(children, "scripted", State.READY, starts=2)
        assert again.pid != status.pid


async def test_stopping_leaves_no_process_behind(folder: Path) -> None:
    async with running(command("scripted", folder)) as children:
        (status,) = children.statuses()
        assert status.pid is not None
        assert is_alive(status.pid)
    assert gone(status.pid)


async def test_sockets_are_in_a_folder_for_us_alone(folder: Path) -> None:
    run = folder / "run"
    async with running(command("scripted", run)):
        assert run.stat().st_mode & 0o777 == 0o700
        assert (run / "scripted.sock").stat().st_mode & 0o077 == 0


async def test_a_child_that_cannot_load_says_why(folder: Path) -> None:
    (folder / "data").write_text("a file where a folder is needed")
    broken = command("vectors", folder, "--folder", str(folder / "data"))
    async with kept(broken) as children:
        status = await until(children, "vectors", State.FAILED)
        assert "FileExistsError" in status.reason


async def test_a_child_gets_no_secret_of_the_environment(folder: Path) -> None:
    given = {"LITELLM_MASTER_KEY": "canary", "HOME": "/"}
    async with running(command("scripted", folder), environ=given) as children:
        (status,) = children.statuses()
        environ = environment(status.pid)
        assert b"canary" not in environ
        assert b"HOME=/" in environ  # the control: what programs need does come through


async def test_a_module_that_does_not_exist_is_a_failure_not_a_crash(folder: Path) -> None:
    wrong = ChildCommand(name="x", module="hx_gateway.local.absent", socket=folder / "x.sock")
    async with kept(wrong) as children:
        status = await until(children, "x", State.FAILED)
        assert "status 1" in status.reason


@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel to end orphans")
@pytest.mark.parametrize("child", ["scripted", "vectors"])
def test_a_child_does_not_outlive_a_killed_parent(folder: Path, child: str) -> None:
    more = f"'--folder', {str(folder / 'data')!r}" if child == "vectors" else ""
    script = f"""
import subprocess, sys, time
child = subprocess.Popen(
    [sys.executable, "-m", "hx_gateway.local.{child}", "--socket", {str(folder / "c.sock")!r}, {more}],
    stdin=subprocess.PIPE, stdout=subprocess.PIPE,
)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_alive(pid)
        parent.kill()
    assert gone(pid)


async def test_the_gateway_imports_none_of_the_heavy_libraries() -> None:
    script = """
import sys
import hx_gateway.app.gateway
heavy = {"numpy", "onnxruntime", "mistralrs", "qdrant_edge", "qdrant_client"}
print(sorted(heavy & set(sys.modules)))
"""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert out.decode().strip() == "[]"


async def test_no_library_in_a_child_reports_to_its_vendor(folder: Path, tmp_path: Path) -> None:
    """onnxruntime once wrote a device id and queued events for its vendor when it was imported."""
    commands = (
        command("embed", folder),
        command("chat", folder),
        command("vectors", folder, "--folder", str(tmp_path / "vectors")),
    )
    home = tmp_path / "home"
    home.mkdir()
    async with running(*commands, environ={"HOME": str(home)}):
        pass
    assert list(home.rglob("*")) == []


def test_without_the_switch_it_would(tmp_path: Path) -> None:
    """The control. Nothing leaves: the address it reports to is not reached in its short life."""
    environ = {"HOME": str(tmp_path), "HTTPS_PROXY": "http://127.0.0.1:9"}
    script = [sys.executable, "-c", "import onnxruntime, os; os._exit(0)"]
    subprocess.run(script, check=True, env=environ, capture_output=True)
    assert list(tmp_path.rglob("deviceid"))
