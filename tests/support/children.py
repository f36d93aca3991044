"""Real child processes of the gateway, for the tests that talk to them."""

import asyncio
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from hx_gateway.app.children import ChildCommand, Children, ChildStatus, State


def command(name: str, folder: Path, *arguments: str) -> ChildCommand:
    """Name a child of ours whose socket is in `folder`."""
    return ChildCommand(
        name=name,
        module=f"hx_gateway.local.{name}",
        socket=folder / f"{name}.sock",
        arguments=arguments,
    )


@asynccontextmanager
async def kept(
    *commands: ChildCommand, environ: Mapping[str, str] | None = None
) -> AsyncIterator[Children]:
    """Start children, ready or not, and stop them at the end."""
    children = Children(commands, environ or {})
    children.start()
    try:
        yield children
    finally:
        await children.stop()


@asynccontextmanager
async def running(
    *commands: ChildCommand, environ: Mapping[str, str] | None = None
) -> AsyncIterator[Children]:
    """Run children, all ready, and stop them at the end."""
    async with kept(*commands, environ=environ) as children:
        for each in commands:
            await until(children, each.name, State.READY)
        yield children


async def until(children: Children, name: str, state: State, starts: int = 1) -> ChildStatus:
    """Wait until a child is in a state, at its n-th start or later."""
    async with asyncio.timeout(60):
        while True:
            (status,) = (each for each in children.statuses() if each.name == name)
            if status.state is state and status.starts >= starts:
                return status
            await asyncio.sleep(0.01)


@contextmanager
def started(name: str, folder: Path, *arguments: str) -> Iterator[Path]:
    """Run one child without an event loop, ready; gives its socket."""
    socket = folder / f"{name}.sock"
    module = f"hx_gateway.local.{name}"
    with subprocess.Popen(
        [sys.executable, "-m", module, "--socket", str(socket), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b'{"state":"ready"}\n'
            yield socket
        finally:
            process.terminate()


@contextmanager
def short_folder() -> Iterator[Path]:
    """A folder whose path is short enough for sockets."""
    folder = Path(tempfile.mkdtemp(prefix="hx-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
