"""One worker's place, as the parent sees it: starts the process that fills it, and talks to it."""

import asyncio
import contextlib
import socket
import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

from hx_gateway.app.worker_talk import (
    Begin,
    Commit,
    Count,
    Counted,
    Notice,
    Order,
    Prepare,
    Report,
    Serving,
    Stop,
    Verdict,
    framed,
    receive_report,
)
from hx_gateway.core.clock import Clock
from hx_gateway.usage.total import Family

T = TypeVar("T")
OnReport = Callable[["Post", Report], None]

MODULE = "hx_gateway.app.worker"
STARTING = "starting"
SERVING = "serving"
_GONE = (asyncio.IncompleteReadError, ConnectionError)
_STATUS = b"STATUS="
_END_S = 10.0  # from hanging up to its end
_RELOAD_S = 30.0
_COUNT_S = 1.0  # a worker that does not answer is counted as it was last


class Post:
    """One of the places, numbered from 1, whoever fills it.

    `serving` is what the worker has at work, None before it serves; `is_new`: it had nothing else
    at work before; `status` its line for a person; `counts` its last numbers; `heard_at` when it
    last said anything; `pid` None: nobody is there.
    """

    def __init__(self, number: int, clock: Clock) -> None:
        """Nobody is there yet."""
        self.number = number
        self.serving: Serving | None = None
        self.is_new = True
        self.status = STARTING
        self.counts: Sequence[Family] = ()
        self.heard_at = 0.0
        self._clock = clock
        self._is_stopping = False
        self._process: asyncio.subprocess.Process | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._turn = 0
        self._verdict: asyncio.Future[bool] | None = None
        self._counted: asyncio.Future[None] | None = None

    @property
    def pid(self) -> int | None:
        """The worker's process."""
        return self._process.pid if self._process is not None else None

    async def fill(self, begin: Begin, on_report: OnReport) -> int:
        """Start a worker, listen to it until it ends, and give its exit code."""
        mine, its = socket.socketpair()
        try:
            with its:
                process = await _start(its.fileno(), begin.sockets)
            mine.setblocking(False)  # noqa: FBT003 - the library's signature
            reader, writer = await asyncio.open_connection(sock=mine)
        except BaseException:
            mine.close()
            raise
        self._process, self._writer, self.heard_at = process, writer, self._clock.monotonic()
        try:
            self.tell(begin)
            if self._is_stopping:
                self.tell(Stop())
            await self._listen(reader, on_report)
            return await _end(process)
        finally:
            writer.close()
            self._leave()

    def tell(self, order: Order) -> None:
        """Say something to the worker; where nobody is, nobody hears it."""
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(framed(order))

    def stop(self) -> None:
        """Have the worker drain and end, also one that is only about to start."""
        self._is_stopping = True
        self.tell(Stop())

    async def prepare(self) -> bool:
        """Have the configuration compiled, and say whether it is good."""
        return await self._judged(Prepare(self._next_turn()))

    async def commit(self) -> bool:
        """Have what was prepared put to work, and say whether it is."""
        return await self._judged(Commit(self._next_turn()))

    async def count(self) -> None:
        """Get the numbers of now into `counts`; questions at the same time are one."""
        if self._writer is None:
            return
        if self._counted is None:
            self._counted = asyncio.get_running_loop().create_future()
            self.tell(Count())
        await asyncio.wait((self._counted,), timeout=_COUNT_S)

    def kill(self) -> None:
        """End the worker as it is."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    def _next_turn(self) -> int:
        self._turn += 1
        return self._turn

    async def _judged(self, order: Prepare | Commit) -> bool:
        if self._writer is None:
            return False
        self._verdict = verdict = asyncio.get_running_loop().create_future()
        self.tell(order)
        done, _ = await asyncio.wait((verdict,), timeout=_RELOAD_S)
        return bool(done) and verdict.result()

    async def _listen(self, reader: asyncio.StreamReader, on_report: OnReport) -> None:
        with contextlib.suppress(*_GONE):
            while True:
                report = await receive_report(reader)
                self.heard_at = self._clock.monotonic()
                self._note(report)
                on_report(self, report)

    def _note(self, report: Report) -> None:
        match report:
            case Notice():
                self.status = _status_of(report.text) or self.status
            case Serving():
                self.is_new, self.serving = self.serving is None, report
                self.status = SERVING if self.is_new else self.status
            case Verdict() if report.turn == self._turn:
                self._judge(is_good=report.is_good)
            case Counted():
                self.counts = report.families
                self._answer()
            case _:
                pass  # somebody else's to do

    def _judge(self, *, is_good: bool) -> None:
        if self._verdict is not None and not self._verdict.done():
            self._verdict.set_result(is_good)

    def _answer(self) -> None:
        counted, self._counted = self._counted, None
        if counted is not None:
            counted.set_result(None)

    def _leave(self) -> None:
        """Be empty again; the last numbers stay until somebody takes them."""
        self._process = self._writer = self.serving = None
        self.status = STARTING
        self._judge(is_good=False)
        self._answer()


async def _start(channel: int, sockets: Sequence[int]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", MODULE, str(channel), pass_fds=(channel, *sockets)
    )


async def _end(process: asyncio.subprocess.Process) -> int:
    """Wait until a worker that has hung up is gone."""
    try:
        return await asyncio.wait_for(process.wait(), _END_S)
    except TimeoutError:
        process.kill()
        return await process.wait()


def _status_of(notice: bytes) -> str | None:
    """Find the line for a person in a message of sd_notify."""
    for line in notice.split(b"\n"):
        if line.startswith(_STATUS):
            return line.removeprefix(_STATUS).decode(errors="replace")
    return None
