"""Keep the wanted child processes running: start, watch, start again, stop.

Nobody waits for them: a call to a child that is not there yet fails as a call to any upstream that
is not there, and health checks show the state kept here.
"""

import asyncio
import contextlib
import logging
import re
import signal
import sys
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path

import msgspec

from hx_gateway.config.embedded import CHILDREN
from hx_gateway.config.paths import socket_path
from hx_gateway.core.snapshot import Snapshot
from hx_gateway.core.tasks import spawn

_log = logging.getLogger(__name__)
VECTORS = "vectors"
_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 60.0
_STEADY_S = 60.0  # who ran this long is started again at once
_STOP_S = 10.0
_LINE_BYTES = 1024 * 1024
# A child gets no secret of ours: nothing of the environment but what programs need to run.
_ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONPATH", "LD_LIBRARY_PATH")
# onnxruntime reports to its vendor from the moment it is imported (seen with 1.32 on Linux: a
# device id and a queue of events under ~/.cache). The first is its own switch, the second a custom.
_SILENCE = {"ORT_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"}
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class State(StrEnum):
    """What a child is doing."""

    STARTING = "starting"
    READY = "ready"
    FAILED = "failed"


class ChildStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How one child is. `reason` says why it failed, in its own words; `starts` counts them."""

    name: str
    state: State
    reason: str = ""
    starts: int = 0
    pid: int | None = None


class ChildCommand(msgspec.Struct, frozen=True, kw_only=True):
    """What to run: a module of ours, and its arguments."""

    name: str
    module: str
    socket: Path
    arguments: tuple[str, ...] = ()


class _Report(msgspec.Struct):
    """One line of a child's standard output."""

    state: State
    reason: str = ""


def wanted_children(snapshot: Snapshot) -> tuple[ChildCommand, ...]:
    """List the children that a snapshot's deployments and its document search need."""
    used = {deployment.origin.socket_path for deployment in snapshot.deployments.values()}
    commands = [_command(snapshot, name) for name in CHILDREN.values()]
    wanted = [command for command in commands if str(command.socket) in used]
    if snapshot.local.vectors:
        folder = ("--folder", str(snapshot.state_dir / "vectors"))
        wanted.append(msgspec.structs.replace(_command(snapshot, VECTORS), arguments=folder))
    return tuple(wanted)


def _command(snapshot: Snapshot, name: str) -> ChildCommand:
    return ChildCommand(
        name=name,
        module=f"hx_gateway.local.{name}",
        socket=socket_path(snapshot.state_dir, name),
    )


class Children:
    """The child processes of one gateway."""

    def __init__(self, commands: Iterable[ChildCommand], environ: Mapping[str, str]) -> None:
        """Start nothing yet. `environ` is ours; little of it is handed on."""
        self._commands = tuple(commands)
        handed_on = {name: environ[name] for name in _ENVIRONMENT if name in environ}
        self._environ = {**handed_on, **_SILENCE}
        self._statuses = {
            command.name: ChildStatus(name=command.name, state=State.STARTING)
            for command in self._commands
        }
        self._keepers: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Start them all in the background."""
        for command in self._commands:
            command.socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            command.socket.parent.chmod(0o700)
            self._keepers.append(spawn(self._keep(command), name=f"child {command.name}"))

    async def stop(self) -> None:
        """End them all; each may finish what it is doing, for a while."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        self._keepers.clear()

    def statuses(self) -> tuple[ChildStatus, ...]:
        """Say how they are."""
        return tuple(self._statuses.values())

    async def _keep(self, command: ChildCommand) -> None:
        loop = asyncio.get_running_loop()
        wait = _FIRST_WAIT_S
        while True:
            began = loop.time()
            try:
                await self._run(command)
            except OSError as error:
                self._note(command.name, State.FAILED, f"cannot be started: {error.strerror}")
            wait = _FIRST_WAIT_S if loop.time() - began > _STEADY_S else wait
            await asyncio.sleep(wait)
            wait = min(wait * 2, _LONGEST_WAIT_S)

    async def _run(self, command: ChildCommand) -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            command.module,
            "--socket",
            str(command.socket),
            *command.arguments,
            stdin=asyncio.subprocess.PIPE,  # its end tells the child that we are gone
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self._environ,
            limit=_LINE_BYTES,
        )
        starts = self._statuses[command.name].starts + 1
        self._statuses[command.name] = ChildStatus(
            name=command.name, state=State.STARTING, starts=starts, pid=process.pid
        )
        talk = spawn(_log_lines(command.name, process), name=f"child {command.name} log")
        try:
            await self._listen(command.name, process)
            code = await process.wait()
            self._note_end(command.name, code)
        finally:
            await _end(process)
            await talk

    async def _listen(self, name: str, process: asyncio.subprocess.Process) -> None:
        """Read what the child reports until it closes its output or gives up."""
        assert process.stdout is not None  # noqa: S101 - asked for above
        async for line in process.stdout:
            try:
                report = msgspec.json.decode(line, type=_Report)
            except msgspec.DecodeError:
                _log.warning("child %s reports what cannot be read", name)
                continue
            self._note(name, report.state, report.reason)
            if report.state is State.FAILED:
                await _end(process)

    def _note(self, name: str, state: State, reason: str = "") -> None:
        _log.log(
            logging.ERROR if state is State.FAILED else logging.INFO,
            "child %s is %s%s",
            name,
            state,
            f": {reason}" if reason else "",
        )
        self._statuses[name] = msgspec.structs.replace(
            self._statuses[name], state=state, reason=reason
        )

    def _note_end(self, name: str, code: int) -> None:
        if self._statuses[name].state is not State.FAILED:
            # A file in memory for which the disk has no room ends its process so.
            why = "; the disk may be full" if code == -signal.SIGBUS else ""
            self._note(name, State.FAILED, f"it ended with status {code}{why}")


async def _log_lines(name: str, process: asyncio.subprocess.Process) -> None:
    assert process.stderr is not None  # noqa: S101 - asked for at the start
    async for line in process.stderr:
        text = _COLOUR.sub("", line.decode(errors="replace")).rstrip()
        if text:
            _log.debug("child %s: %s", name, text)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Ask a child to end, then make it."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _STOP_S)
        except TimeoutError:
            process.kill()
            await process.wait()
