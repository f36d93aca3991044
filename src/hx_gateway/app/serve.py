"""`serve`: bind the port first, then everything else; stop when told, losing nothing.

This module imports little on purpose: what it imports is loaded before the port is bound. The
rest comes with `gateway`, in a thread, while `/livez` already answers.
"""

import asyncio
import importlib
import os
import signal
import socket
import ssl
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
import uvloop

from hx_gateway.app.boot import BootApplication
from hx_gateway.app.listen import Listen, listen_settings
from hx_gateway.app.notify import Supervisor, supervisor
from hx_gateway.app.options import ServeOptions
from hx_gateway.core.clock import SystemClock
from hx_gateway.core.errors import ConfigError
from hx_gateway.core.tasks import spawn
from hx_gateway.transport.server import CannotBind, Edge, bind, inherited_sockets

if TYPE_CHECKING:
    from hx_gateway.app.fellows import Fellows
    from hx_gateway.app.gateway import Gateway

EXIT_CONFIG = 2
EXIT_BIND = 4


def run(options: ServeOptions) -> int:
    """Serve until told to stop; gives the exit code."""
    have_streams()
    try:
        listen = listen_settings(options)
        sockets = _sockets(listen)
        listen = msgspec.structs.replace(listen, port=_port_of(sockets, listen.port))
    except ConfigError as error:
        return _refuse(error.problems, EXIT_CONFIG)
    except CannotBind as error:
        return _refuse((str(error),), EXIT_BIND)
    if options.workers > 1:
        parent = importlib.import_module("hx_gateway.app.workers")
        return int(uvloop.run(parent.Workers(options, listen, sockets).run()))
    return uvloop.run(Service(options, listen, sockets).run())


def have_streams() -> None:
    """Put nothing where a standard stream is closed: the next socket would take its place."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))


def _sockets(listen: Listen) -> list[socket.socket]:
    """Take what systemd hands over, else bind; never another port than the one asked for."""
    inherited = inherited_sockets(os.getpid(), listen.listen_pid or 0, listen.listen_fds)
    return inherited or bind(listen.host, listen.port)


def _port_of(sockets: Sequence[socket.socket], asked: int) -> int:
    """Say which port it became: 0 lets the system choose, systemd may have chosen."""
    names = [each.getsockname() for each in sockets]
    return next((int(name[1]) for name in names if isinstance(name, tuple)), asked)


def _refuse(problems: Sequence[str], code: int) -> int:
    sys.stderr.write("hx-gateway does not start:\n")
    sys.stderr.writelines(f"  {problem}\n" for problem in problems)
    return code


class Service:
    """One run of the program: an edge that answers from the first moment, a gateway behind it."""

    def __init__(
        self,
        options: ServeOptions,
        listen: Listen,
        sockets: Sequence[socket.socket],
        fellows: "Fellows | None" = None,
        manager: Supervisor | None = None,
    ) -> None:
        """`sockets` are bound already. A worker has `fellows`, and its parent for a `manager`."""
        self._options = options
        self._fellows = fellows
        self._listen = listen
        self._sockets = sockets
        self._boot = BootApplication()
        self._edge = Edge(self._boot, listen.server)
        self._stop = asyncio.Event()
        self._gateway: Gateway | None = None
        self._reloading: asyncio.Task[None] | None = None
        self._supervisor = manager or supervisor(listen.environ, os.getpid(), SystemClock())

    async def run(self) -> int:
        """Serve until a signal; gives the exit code."""
        self._listen_to_signals()
        try:
            await self._edge.start(self._sockets)
        except (OSError, ssl.SSLError) as error:
            problem = f"the TLS certificate or key cannot be used: {error.strerror or error}"
            return _refuse((problem,), EXIT_CONFIG)
        heart = spawn(self._supervisor.keep_alive(), name="watchdog")
        try:
            return await self._live()
        finally:
            heart.cancel()
            await self._edge.aclose()

    async def _live(self) -> int:
        # Not spawned: a configuration that is refused is told to a person, not logged as a failure.
        booting = asyncio.ensure_future(self._bring_up())
        stopping = spawn(self._stop.wait(), name="stop")
        await asyncio.wait((booting, stopping), return_when=asyncio.FIRST_COMPLETED)
        if not booting.done():
            booting.cancel()
            await asyncio.wait((booting,))
            return 0
        try:
            booting.result()
        except ConfigError as error:
            stopping.cancel()
            return _refuse(error.problems, EXIT_CONFIG)
        await stopping
        await self._shut_down()
        return 0

    async def _bring_up(self) -> None:
        self._phase("loading")
        module = await asyncio.to_thread(importlib.import_module, "hx_gateway.app.gateway")
        gateway: Gateway = module.Gateway(
            self._options, self._listen, self._edge, self._phase, self._fellows
        )
        await gateway.start()
        self._gateway = gateway
        self._supervisor.ready(gateway.status())
        gateway.on_status = self._supervisor.status

    async def _shut_down(self) -> None:
        self._supervisor.stopping("draining")
        gateway = self._gateway
        if gateway is not None:
            await gateway.stop()

    def _phase(self, phase: str) -> None:
        self._boot.phase = phase
        self._supervisor.status(phase)

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        # Ctrl-C, a closed terminal and systemd signal every process of a group: a worker is told
        # by its parent what it means, and may be told to stop once more than it is.
        is_worker = self._fellows is not None
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop if is_worker else self._on_stop)
        loop.add_signal_handler(signal.SIGHUP, _ignore if is_worker else self._on_reload)

    @property
    def gateway(self) -> "Gateway | None":
        """What is behind the edge; None until it is ready."""
        return self._gateway

    def stop(self) -> None:
        """Begin to drain, if that has not begun."""
        self._stop.set()

    def hurry(self) -> None:
        """Stop, and wait for live streams no longer."""
        if self._gateway is not None:
            self._gateway.hurry()
        self._stop.set()

    def _on_stop(self) -> None:
        if self._stop.is_set():  # a second signal
            self.hurry()
        self.stop()

    def _on_reload(self) -> None:
        if self._gateway is None:
            return
        self._supervisor.reloading()
        self._reloading = spawn(self._reload(self._gateway), name="reload")

    async def _reload(self, gateway: "Gateway") -> None:
        await gateway.reload()
        self._supervisor.ready(gateway.status())


def _ignore() -> None:
    pass
