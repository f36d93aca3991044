"""One of several processes that serve a port together: `python -m hx_gateway.app.worker FD`.

Everything but the way it is started, told and asked is as in a process that serves alone.
"""

import asyncio
import signal
import socket
import sys
from collections.abc import Sequence

import uvloop

from hx_gateway.app.children import ChildCommand
from hx_gateway.app.listen import listen_settings
from hx_gateway.app.notify import Supervisor
from hx_gateway.app.serve import Service
from hx_gateway.app.worker_talk import (
    Ask,
    Begin,
    Commit,
    Count,
    Counted,
    Hurry,
    Notice,
    Order,
    Prepare,
    Report,
    Serving,
    Stop,
    Totals,
    Verdict,
    Want,
    framed,
    receive_order,
)
from hx_gateway.core.clock import SystemClock
from hx_gateway.core.errors import DependencyError
from hx_gateway.core.snapshot import Snapshot
from hx_gateway.core.tasks import spawn
from hx_gateway.usage.total import Family

_GONE = (asyncio.IncompleteReadError, ConnectionError)
_LAST_WORDS_S = 2.0
_PATIENCE_S = 5.0  # more than the parent gives the slowest worker to say its numbers


class Parent:
    """The parent as a worker sees it: who passes on what concerns the others (`Fellows`)."""

    def __init__(self, writer: asyncio.StreamWriter, *, is_first: bool) -> None:
        """`writer` leads to the parent."""
        self.is_first = is_first
        self._writer = writer
        self._asking: list[asyncio.Future[list[Family]]] = []

    def tell(self, report: Report) -> None:
        """Say something; a parent that is gone hears nothing."""
        if not self._writer.is_closing():
            self._writer.write(framed(report))

    def notice(self, text: bytes) -> None:
        """Say what a lone process would say to systemd."""
        self.tell(Notice(text))

    def serving(self, snapshot: Snapshot) -> None:
        """See `Fellows`."""
        drain_s = snapshot.server.drain_timeout
        self.tell(Serving(snapshot.state_dir, snapshot.digest, drain_s))

    def want(self, children: Sequence[ChildCommand]) -> None:
        """See `Fellows`."""
        self.tell(Want(children))

    async def totals(self) -> list[Family]:
        """See `Fellows`; raises DependencyError when the parent does not answer."""
        asked: asyncio.Future[list[Family]] = asyncio.get_running_loop().create_future()
        self._asking.append(asked)
        self.tell(Ask())
        try:
            return await asyncio.wait_for(asked, _PATIENCE_S)
        except TimeoutError:
            raise DependencyError("parent process") from None

    def answered(self, families: list[Family]) -> None:
        """Give the oldest question its answer: they come in order."""
        asked = self._asking.pop(0)
        if not asked.done():
            asked.set_result(families)

    async def aclose(self) -> None:
        """Send what waits, and hang up."""
        self._writer.close()
        try:
            await asyncio.wait_for(self._writer.wait_closed(), _LAST_WORDS_S)
        except (OSError, TimeoutError):
            return


class Worker:
    """A service that does what the parent says."""

    def __init__(self, begin: Begin, reader: asyncio.StreamReader, parent: Parent) -> None:
        """Take the sockets that `begin` names."""
        self._reader = reader
        self._parent = parent
        self._service = Service(
            begin.options,
            listen_settings(begin.options),
            [socket.socket(fileno=fd) for fd in begin.sockets],
            parent,
            Supervisor(parent.notice, SystemClock(), begin.watchdog_s),
        )

    async def run(self) -> int:
        """Serve until told to stop, or until the parent is gone; gives the exit code."""
        obeying = spawn(self._obey(), name="parent")
        try:
            return await self._service.run()
        finally:
            obeying.cancel()
            self._parent.tell(await self._counted())
            await self._parent.aclose()

    async def _obey(self) -> None:
        try:
            while True:
                await self._do(await receive_order(self._reader))
        except _GONE:
            self._service.stop()

    async def _do(self, order: Order) -> None:
        match order:
            case Stop():
                self._service.stop()
            case Hurry():
                self._service.hurry()
            case Prepare() | Commit():
                _ = spawn(self._reload(order), name="reload")
            case Count():
                self._parent.tell(await self._counted())
            case Totals():
                self._parent.answered(order.families)
            case Begin():
                raise ConnectionError("the parent begins twice")

    async def _reload(self, order: Prepare | Commit) -> None:
        gateway = self._service.gateway
        if gateway is None:
            is_good = False
        elif isinstance(order, Prepare):
            is_good = await gateway.prepare()
        else:
            is_good = await gateway.commit()
        self._parent.tell(Verdict(order.turn, is_good))

    async def _counted(self) -> Counted:
        gateway = self._service.gateway
        return Counted(await gateway.numbers() if gateway is not None else [])


async def _work(channel: socket.socket) -> int:
    reader, writer = await asyncio.open_connection(sock=channel)
    begin = await receive_order(reader)
    if not isinstance(begin, Begin):
        raise ConnectionError("the parent does not begin")
    return await Worker(begin, reader, Parent(writer, is_first=begin.is_first)).run()


def main() -> int:
    """Be a worker: the argument is the descriptor of the socket that leads to the parent."""
    for number in (signal.SIGINT, signal.SIGHUP):  # a terminal's; the parent says what they mean
        signal.signal(number, signal.SIG_IGN)
    channel = socket.socket(fileno=int(sys.argv[1]))
    channel.setblocking(False)  # noqa: FBT003 - the library's signature
    return uvloop.run(_work(channel))


if __name__ == "__main__":
    sys.exit(main())
