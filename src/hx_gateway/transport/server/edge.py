"""The HTTP/1.1 edge: listens, keeps time for its connections, and drains them."""

import asyncio
import socket
import ssl
from collections.abc import Sequence

from hx_gateway.core.http import Application
from hx_gateway.core.snapshot import ServerSettings
from hx_gateway.transport.server.encode import common_fields
from hx_gateway.transport.server.flying import FlyingConnection
from hx_gateway.transport.server.listen import tls_context
from hx_gateway.transport.server.memory import HeadMemory
from hx_gateway.transport.server.state import EdgeState, OnRefusal

_FRESH_S = 1.0  # at a drain: how long a client that has just connected may take to ask
_LAST_S = 5.0  # after a drain's deadline: how long cancelled requests may take to end
_POLL_S = 0.02
_UNSENT = 128 * 1024
_TICKS = (0.01, 0.5)


class Edge:
    """One HTTP server on any number of listening sockets.

    `application` and `settings` may be replaced at any time; each request uses those it met.
    """

    def __init__(self, application: Application, settings: ServerSettings) -> None:
        """Listen to nothing yet."""
        self._state = EdgeState(application, settings)
        self._servers: list[asyncio.AbstractServer] = []
        self._ticker: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tls: ssl.SSLContext | None = None

    @property
    def application(self) -> Application:
        """What answers requests whose head arrives from now on."""
        return self._state.application

    @application.setter
    def application(self, application: Application) -> None:
        self._state.application = application

    @property
    def settings(self) -> ServerSettings:
        """The limits. Host, port and TLS are read at the start only."""
        return self._state.settings

    @settings.setter
    def settings(self, settings: ServerSettings) -> None:
        self._state.settings = settings
        self._state.heads = HeadMemory(settings)
        if self._ticker is not None:  # which may have gone to sleep for longer than is now right
            self._ticker.cancel()
            self._tick()

    @property
    def open_connections(self) -> int:
        """How many clients are connected."""
        return len(self._state.connections)

    @property
    def live_requests(self) -> int:
        """How many requests are being answered."""
        return len(self._state.runs)

    async def start(self, sockets: Sequence[socket.socket]) -> None:
        """Serve on sockets that listen already, TCP or Unix; raises OSError for a bad TLS file."""
        self._loop = loop = asyncio.get_running_loop()
        self._tls = tls = tls_context(self.settings)
        handshake_s = self.settings.header_timeout if tls else None
        state = self._state
        for listener in sockets:
            _bound_unsent(listener)
            create = loop.create_unix_server if _is_unix(listener) else loop.create_server
            server = await create(
                lambda: FlyingConnection(state, loop),
                sock=listener,
                backlog=2048,
                ssl=tls,
                ssl_handshake_timeout=handshake_s,
            )
            self._servers.append(server)
        self._tick()

    def check_tls(self) -> None:
        """Raise OSError (ssl.SSLError is one) when certificate and key do not fit any more."""
        if self._tls is not None:
            tls_context(self.settings)

    def renew_tls(self) -> None:
        """Read certificate and key anew for connections from now on.

        Raises like `check_tls`; then the old ones stay.
        """
        settings = self.settings
        if self._tls is None or settings.tls_cert is None:
            return
        self.check_tls()  # a pair that does not fit would spoil the context that is in use
        self._tls.load_cert_chain(settings.tls_cert, settings.tls_key)

    @property
    def on_refusal(self) -> OnRefusal:
        """Who is told of requests that the edge itself refused."""
        return self._state.on_refusal

    @on_refusal.setter
    def on_refusal(self, on_refusal: OnRefusal) -> None:
        self._state.on_refusal = on_refusal

    async def drain(self, timeout_s: float) -> None:
        """Stop accepting, let requests end, cancel the rest after `timeout_s`, close everything.

        Streams that are cancelled may say why: see `LastWords`.
        """
        loop = asyncio.get_running_loop()
        state = self._state
        self._stop_listening()
        await asyncio.sleep(_POLL_S)  # what has already arrived is read, and answered
        for connection in list(state.connections):
            connection.close_if_idle()
        began = loop.time()
        while state.runs or any(c.is_fresh for c in state.connections):
            waited = loop.time() - began
            if waited >= timeout_s or not (state.runs or waited < _FRESH_S):
                break
            await asyncio.sleep(_POLL_S)
        await self._expire()

    async def aclose(self) -> None:
        """Stop at once: cancel what runs, close every connection."""
        self._stop_listening()
        await self._expire()

    def _stop_listening(self) -> None:
        self._state.draining = True
        for server in self._servers:
            server.close()

    async def _expire(self) -> None:
        state = self._state
        state.expired = True
        for connection in list(state.connections):
            connection.expire()
        ends = asyncio.get_running_loop().time() + _LAST_S
        while state.runs and asyncio.get_running_loop().time() < ends:  # noqa: ASYNC110 - as above
            await asyncio.sleep(_POLL_S)
        if state.connections:
            await asyncio.sleep(_POLL_S)  # last bytes leave
        for connection in list(state.connections):
            connection.abort()
        if self._ticker is not None:
            self._ticker.cancel()
            self._ticker = None
        await asyncio.sleep(0)

    def _tick(self) -> None:
        if self._loop is None:
            return
        state = self._state
        now = self._loop.time()
        state.common = common_fields(state.clock.now())
        for connection in list(state.connections):
            connection.check_deadlines(now)
        self._ticker = self._loop.call_later(_tick_of(state.settings), self._tick)


def _tick_of(settings: ServerSettings) -> float:
    """How often deadlines are looked at: a tenth of the shortest (0 is none), within bounds."""
    times = (
        settings.header_timeout,
        settings.body_idle_timeout,
        settings.keepalive_timeout,
        settings.write_timeout,
        settings.heartbeat_interval or settings.write_timeout,
    )
    shortest = min((time for time in times if time), default=_TICKS[1])
    return min(max(shortest / 10, _TICKS[0]), _TICKS[1])


def _bound_unsent(listener: socket.socket) -> None:
    """Let the kernel hold little that a client has not taken; its connections inherit it.

    Else a slow reader costs megabytes that no limit of ours sees, the upstream is held back late,
    and a reader that does take something looks for a long time like one that does not.
    """
    if not _is_unix(listener):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT)


def _is_unix(listener: socket.socket) -> bool:
    return listener.family == socket.AF_UNIX
