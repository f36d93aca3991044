"""An upstream that answers exact bytes, in exact pieces, at exact moments, or not at all."""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from hx_gateway.core.http import Origin

HEAD_END = b"\r\n\r\n"


class Peer:
    """One accepted connection, as the script of the upstream drives it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def request(self) -> bytes:
        """Read one request, head and body; b"" when the client has left."""
        try:
            head = await self.reader.readuntil(HEAD_END)
            return head + await self._body(head.lower())
        except (asyncio.IncompleteReadError, ConnectionError):
            return b""

    async def _body(self, head: bytes) -> bytes:
        if b"transfer-encoding: chunked" in head:
            return await self.reader.readuntil(b"0\r\n\r\n")
        _, found, rest = head.partition(b"content-length:")
        return await self.reader.readexactly(int(rest.split(b"\r\n")[0]) if found else 0)

    async def send(self, *pieces: bytes, gap: float = 0.0) -> None:
        """Send pieces, each in a segment of its own when there is a gap."""
        for piece in pieces:
            if self.writer.is_closing():  # uvloop says RuntimeError here, asyncio nothing
                raise ConnectionResetError
            self.writer.write(piece)
            await self.writer.drain()
            if gap:
                await asyncio.sleep(gap)

    async def left(self) -> float:
        """Wait until the client is gone; gives the loop time at which that was seen."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(65536):
                pass
        return asyncio.get_running_loop().time()

    def reset(self) -> None:
        """Drop the connection with a RST."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Script = Callable[[Peer], Awaitable[None]]


class RawUpstream:
    """A listening upstream; `accepted` counts connections, `requests` are those that came whole."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.accepted = 0
        self.open = 0
        self.requests: list[bytes] = []
        self.origin = Origin()
        self._live: set[asyncio.Task[None]] = set()

    async def aclose(self) -> None:
        """Cut the connections that are open."""
        live = list(self._live)
        for task in live:
            task.cancel()
        await asyncio.gather(*live, return_exceptions=True)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._live.add(task)
        self.accepted += 1
        self.open += 1
        try:
            with contextlib.suppress(ConnectionError):
                await self.script(Peer(reader, writer))
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        except asyncio.CancelledError:  # the test is over: no farewell, which takes TLS long
            writer.transport.abort()
        finally:
            self.open -= 1
            self._live.discard(task)

    def answers(self, *pieces: bytes, gap: float = 0.0) -> None:
        """Answer every request of every connection with the same pieces."""

        async def script(peer: Peer) -> None:
            while request := await peer.request():
                self.requests.append(request)
                await peer.send(*pieces, gap=gap)

        self.script = script

    def answers_once(self, *pieces: bytes, gap: float = 0.0) -> None:
        """Answer one request of each connection, then close it."""

        async def script(peer: Peer) -> None:
            if request := await peer.request():
                self.requests.append(request)
                await peer.send(*pieces, gap=gap)

        self.script = script


async def _silent(peer: Peer) -> None:
    await peer.left()


@contextlib.asynccontextmanager
async def raw_upstream(
    script: Script = _silent, *, tls: ssl.SSLContext | None = None, path: Path | None = None
) -> AsyncIterator[RawUpstream]:
    """Listen on a free port of 127.0.0.1, or on a Unix socket; silent unless scripted."""
    upstream = RawUpstream(script)
    scheme = "https" if tls else "http"
    if path is not None:
        server = await asyncio.start_unix_server(upstream.serve, path, ssl=tls)
        upstream.origin = Origin(scheme=scheme, socket_path=str(path))
    else:
        server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0, ssl=tls)
        port = server.sockets[0].getsockname()[1]
        upstream.origin = Origin(scheme=scheme, host="127.0.0.1", port=port)
    try:
        yield upstream
    finally:
        server.close()
        await upstream.aclose()
