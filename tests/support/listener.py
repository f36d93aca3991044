"""A small HTTP/1.1 listener for test doubles: it can also do what a proper server would not."""

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import msgspec
from tests.support.processes import hold_port

REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 500: "Error"}


class Asked:
    """One request as it arrived. `gone` is set when the client left before the answer's end."""

    def __init__(self, method: str, target: str, headers: dict[str, str], body: bytes) -> None:
        """Header names are lower-case."""
        parts = urlsplit(target)
        self.method = method
        self.target = target
        self.path = parts.path
        self.query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        self.headers = headers
        self.body = body
        self.at = asyncio.get_running_loop().time()
        self.gone = asyncio.Event()
        self.gone_at: float | None = None

    def json(self) -> Any:
        """The body as plain values."""
        return msgspec.json.decode(self.body)


class Wire:
    """The way back to one client."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        """Nothing is sent yet."""
        self._writer = writer
        self._chunked = False
        self.closed = False

    async def raw(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._writer.write(data)
        await self._writer.drain()

    async def answer(
        self,
        status: int,
        body: bytes,
        *,
        kind: str = "application/json",
        headers: dict[str, str] | None = None,
    ) -> None:
        """Send a whole answer."""
        extra = {"content-type": kind, "content-length": str(len(body)), **(headers or {})}
        await self.raw(_head(status, extra) + body)

    async def json(
        self, value: object, status: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        """Send a value as JSON."""
        await self.answer(status, msgspec.json.encode(value), headers=headers)

    async def begin(self, status: int = 200, *, kind: str = "text/event-stream") -> None:
        """Start a chunked answer."""
        self._chunked = True
        await self.raw(_head(status, {"content-type": kind, "transfer-encoding": "chunked"}))

    async def piece(self, data: bytes) -> None:
        """Send one chunk."""
        await self.raw(b"%x\r\n%b\r\n" % (len(data), data))

    async def end(self) -> None:
        """End a chunked answer properly."""
        await self.raw(b"0\r\n\r\n")

    def close(self) -> None:
        """End the connection with FIN, whatever was promised."""
        self.closed = True
        self._writer.close()

    def reset(self) -> None:
        """End the connection with RST."""
        self.closed = True
        raw = self._writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


def _head(status: int, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Status')}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


Handler = Callable[[Asked, Wire], Awaitable[None]]


class Listener:
    """Serves one handler on a free loopback port; keeps the port while it is down.

    `connections` counts those accepted; `asked` is every request so far, `arriving` how many have
    a head and not yet their whole body.
    """

    def __init__(self, handler: Handler, port: int = 0) -> None:
        """Nothing listens before `start`."""
        self._handler = handler
        self._held: int | None = None
        self._server: asyncio.Server | None = None
        self._live: set[asyncio.Task[None]] = set()
        self.port = port
        self.asked: list[Asked] = []
        self.connections = 0
        self.arriving = 0

    @property
    def open(self) -> int:
        """How many connections are open now."""
        return len(self._live)

    @property
    def url(self) -> str:
        """The address, without a path."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Listen (again)."""
        if not self.port:
            self._held, self.port = hold_port()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def stop(self) -> None:
        """Refuse connections and cut those that are open."""
        if self._server is not None:
            self._server.close()
            self._server = None
        live = list(self._live)
        for task in live:
            task.cancel()
        await asyncio.gather(*live, return_exceptions=True)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        await self.stop()
        if self._held is not None:
            os.close(self._held)
            self._held = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._live.add(task)
        self.connections += 1
        try:
            while await self._exchange(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client left
        except asyncio.CancelledError:  # the test is over: nobody will take what is not sent yet
            writer.transport.abort()
        finally:
            self._live.discard(task)
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        asked = await self._read(reader)
        if asked is None:
            return False
        self.asked.append(asked)
        wire = Wire(writer)
        work = asyncio.ensure_future(self._handler(asked, wire))
        watch = asyncio.ensure_future(_watch(reader, asked, work))
        try:
            await work
        except asyncio.CancelledError:
            if not asked.gone.is_set():
                raise
        finally:
            work.cancel()
            watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watch
        return not (wire.closed or asked.gone.is_set())

    async def _read(self, reader: asyncio.StreamReader) -> Asked | None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return None
        self.arriving += 1
        try:
            return await _with_body(head, reader)
        finally:
            self.arriving -= 1


async def _watch(reader: asyncio.StreamReader, asked: Asked, work: asyncio.Future[None]) -> None:
    """Notice that the client leaves. Clients of these doubles do not pipeline."""
    with contextlib.suppress(ConnectionError):
        if await reader.read(1):
            return
    asked.gone_at = asyncio.get_running_loop().time()
    asked.gone.set()
    work.cancel()


async def _with_body(head: bytes, reader: asyncio.StreamReader) -> Asked:
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = await _read_chunks(reader)
    else:
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Asked(method, target, headers, body)


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readuntil(b"\r\n")
    return bytes(body)
