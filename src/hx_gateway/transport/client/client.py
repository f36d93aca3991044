"""The client side: one request to an upstream, over a connection that may have served before."""

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any

from hx_gateway.core.errors import TimedOut, Unreachable
from hx_gateway.core.http import Chunks, Deadlines, HttpRequest, Origin
from hx_gateway.core.outbox import Outbox
from hx_gateway.transport.client.connection import NEVER, SCRATCH, Connection
from hx_gateway.transport.client.dial import dial
from hx_gateway.transport.client.exchange import Answer
from hx_gateway.transport.client.head import way_to, write_head
from hx_gateway.transport.client.limits import ClientLimits
from hx_gateway.transport.client.line import Line
from hx_gateway.transport.client.pool import Count, Pool
from hx_gateway.transport.client.posting import PostingConnection, Wait
from hx_gateway.transport.client.proxies import Proxies
from hx_gateway.transport.client.trust import Trust

_NO_CONNECTION = "The upstream did not accept a connection in time."
_NO_INTAKE = "The upstream did not take the request in time."
_NO_ANSWER = "The upstream did not answer in time."
_NO_END = "The upstream did not finish in time."
_SAFE = frozenset(("GET", "HEAD", "OPTIONS"))  # RFC 9110 section 9.2.1
_DIRECT = Proxies()
_DEFAULT_LIMITS = ClientLimits()


class Client:
    """A `Sender`: keeps connections to upstreams and sends requests over them.

    Goes only where an `Origin` says: follows no redirect, takes no address from an answer.
    """

    def __init__(
        self, *, proxies: Proxies = _DIRECT, limits: ClientLimits = _DEFAULT_LIMITS
    ) -> None:
        """Connects nowhere yet."""
        self._proxies = proxies
        self._limits = limits
        self._trust = Trust()
        self._pools: dict[Origin, Pool] = {}
        self._scratch = memoryview(bytearray(SCRATCH))
        self._outbox = Outbox()
        self._closed = False

    def send(
        self, origin: Origin, request: HttpRequest, deadlines: Deadlines
    ) -> Coroutine[Any, Any, Answer]:
        """See `Sender`; raises InvalidRequest for a path or header that would forge a request."""
        pool = self._pools.get(origin)
        if pool is None or request.stream is not None or request.method in _SAFE:
            return self._send(origin, request, deadlines)
        head = pool.head_of(request)
        connection = pool.take()
        if connection is None:
            return self._send(origin, request, deadlines)
        # The usual way, without a step more: a POST, which may not be repeated, on a connection
        # that is there.
        total = deadlines.total
        total_at = NEVER if total is None else asyncio.get_running_loop().time() + total
        return self._ask(connection, request, head, deadlines, total_at)

    def line(self, origin: Origin, request: HttpRequest, deadlines: Deadlines) -> Line:
        """Open a line for requests that are like this one but for their bodies, which they have.

        Raises InvalidRequest as `send` does, and Unreachable for a host that cannot be a name.
        """
        pool = self._pools.get(origin) or self._add_pool(origin)
        wait = Wait(deadlines.first_byte, deadlines.total, _NO_ANSWER)
        return Line(pool, write_head(request, pool.way), wait, self._await)

    async def _send(self, origin: Origin, request: HttpRequest, deadlines: Deadlines) -> Answer:
        try:
            pool = self._pools.get(origin) or self._add_pool(origin)
            head = pool.head_of(request)
            now = asyncio.get_running_loop().time()
            total_at = NEVER if deadlines.total is None else now + deadlines.total
            connection = pool.take()
            if connection is not None:
                try:
                    return await self._ask(connection, request, head, deadlines, total_at)
                except Unreachable:
                    # The upstream may have left just before it saw this request, or because of
                    # it. Only what changes nothing there is repeated; the rest is the caller's.
                    if request.method not in _SAFE or request.stream is not None:
                        raise
            connection = await self._open(pool, min(now + deadlines.connect, total_at))
            return await self._ask(connection, request, head, deadlines, total_at)
        finally:
            if request.stream is not None:
                await request.stream.aclose()

    def forget(self, origin: Origin) -> None:
        """Close the connections to an upstream that left the configuration, busy ones later."""
        pool = self._pools.pop(origin, None)
        if pool is not None:
            pool.retire()

    @property
    def connections(self) -> Mapping[Origin, Count]:
        """Count the connections by upstream."""
        return {origin: pool.count for origin, pool in self._pools.items()}

    async def aclose(self) -> None:
        """Close everything, also what is in use; nothing can be sent afterwards."""
        self._closed = True
        for pool in self._pools.values():
            pool.abort()
        self._pools.clear()
        await asyncio.sleep(0)  # the loop closes an aborted socket in its next round

    def _add_pool(self, origin: Origin) -> Pool:
        if self._closed:
            raise Unreachable("The gateway is shutting down.")
        pool = Pool(way_to(origin, self._proxies.choose(origin)))
        self._pools[origin] = pool
        return pool

    async def _open(self, pool: Pool, connect_at: float) -> Connection:
        def make() -> Connection:
            return PostingConnection(pool, self._limits, self._scratch, self._outbox)

        try:
            async with asyncio.timeout_at(connect_at):
                connection = await dial(pool.way, self._trust.context(pool.way.origin), make)
        except TimeoutError:
            raise TimedOut(_NO_CONNECTION) from None
        # Not sooner: a loop that is cancelled while it connects does not report the loss.
        pool.add(connection)
        return connection

    async def _ask(
        self,
        connection: Connection,
        request: HttpRequest,
        head: bytes,
        deadlines: Deadlines,
        total_at: float,
    ) -> Answer:
        try:
            connection.begin(total_at, head_only=request.method == "HEAD")
            if request.stream is not None:
                connection.write(head)
                await _upload(connection, request.stream, deadlines.idle, total_at)
            else:
                connection.write(head + request.body)
                connection.sent = True
        except BaseException:
            connection.abort()
            raise
        return await self._await(connection, deadlines)

    async def _await(self, connection: Connection, deadlines: Deadlines) -> Answer:
        try:
            while not connection.head_done:
                if connection.write_blocked:
                    await connection.wait(deadlines.idle, _NO_INTAKE)
                else:
                    await connection.wait(deadlines.first_byte, _NO_ANSWER)
            return Answer(connection, deadlines.idle, self._limits)
        except BaseException:
            connection.abort()
            raise


async def _upload(connection: Connection, stream: Chunks, idle: float, total_at: float) -> None:
    """Send a body in pieces, each when the one before has left; stop when the answer is there."""
    try:
        async with asyncio.timeout_at(None if total_at == NEVER else total_at):
            async for piece in stream:
                connection.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                while connection.write_blocked and not connection.head_done:
                    await connection.wait(idle, _NO_INTAKE)
                if connection.head_done or connection.fault is not None:
                    return
    except TimeoutError:
        raise TimedOut(_NO_END) from None
    connection.write(b"0\r\n\r\n")
    connection.sent = True
