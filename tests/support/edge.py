"""An edge on loopback with a scripted application, and a client that sends exact bytes."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from hx_gateway.core.http import BodyRule, Chunks, Request, Response
from hx_gateway.core.snapshot import ServerSettings
from hx_gateway.transport.server import Edge, bind

PATIENCE_S = 30.0  # until a test fails: nothing that works ever needs it


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something is true of which nobody tells."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.001)


Handler = Callable[[Request], Awaitable[Response]]


async def echo(request: Request) -> Response:
    """Answer with the body that came."""
    return Response(200, request.body, [(b"content-type", b"text/plain")])


class Script:
    """An application that notes what it is asked. `rules` and `handlers` by path."""

    def __init__(self, **handlers: Handler) -> None:
        self.handlers = handlers
        self.rules: dict[str, BodyRule | Response] = {}
        self.max_bytes = 1024
        self.heads: list[Request] = []
        self.requests: list[Request] = []
        self.cancelled: list[float] = []
        self.entered = asyncio.Event()

    def check_head(self, head: Request) -> BodyRule | Response:
        self.heads.append(head)
        return self.rules.get(head.path, BodyRule(max_bytes=self.max_bytes))

    async def answer(self, request: Request) -> Response:
        self.requests.append(request)
        self.entered.set()
        try:
            return await self.handlers.get(request.path.strip("/"), echo)(request)
        except asyncio.CancelledError:
            self.cancelled.append(asyncio.get_running_loop().time())
            raise

    @property
    def seen(self) -> list[tuple[str, str, str, bytes]]:
        """What was asked, as values."""
        return [(r.method, r.path, r.query, r.body) for r in self.requests]


class Pieces:
    """Chunks from a script: bytes are given, numbers and events waited for, None for ever."""

    def __init__(self, *steps: bytes | float | asyncio.Event | Exception | None) -> None:
        self.steps = steps
        self.given = 0
        self.closed_at: list[float] = []

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for step in self.steps:
            if isinstance(step, bytes):
                self.given += 1
                yield step
            elif isinstance(step, Exception):
                raise step
            elif step is None:
                await asyncio.Event().wait()
            elif isinstance(step, asyncio.Event):
                await step.wait()
            else:
                await asyncio.sleep(step)

    async def aclose(self) -> None:
        self.closed_at.append(asyncio.get_running_loop().time())


class Farewell(Pieces):
    """Chunks with something to say at the end of the server."""

    def last_words(self) -> bytes:
        return b"data: bye\n\n"


def streaming(chunks: Chunks, heartbeat: bytes | None = None) -> Handler:
    """Make a handler that answers with these chunks."""

    async def handler(request: Request) -> Response:
        kind = (b"content-type", b"text/event-stream")
        return Response(200, headers=[kind], chunks=chunks, heartbeat=heartbeat)

    return handler


class Answer:
    """One answer as it was on the wire."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body


class RawClient:
    """A connection that sends exact bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def receive(self, size: int = 65536, timeout_s: float = PATIENCE_S) -> bytes:
        return await asyncio.wait_for(self.reader.read(size), timeout_s)

    async def until(self, mark: bytes, timeout_s: float = PATIENCE_S) -> bytes:
        return await asyncio.wait_for(self.reader.readuntil(mark), timeout_s)

    async def rest(self, timeout_s: float = PATIENCE_S) -> bytes:
        """Read to the end; a reset is an end too."""
        data = b""
        while True:
            try:
                piece = await self.receive(timeout_s=timeout_s)
            except ConnectionError:
                return data
            if not piece:
                return data
            data += piece

    async def answer(self, *, to_head: bool = False) -> Answer:
        """Read one answer that has a length, or is chunked."""
        head = (await self.until(b"\r\n\r\n")).decode("latin-1")
        lines = head.rstrip("\r\n").split("\r\n")
        headers = {n.lower(): v for n, _, v in (line.partition(": ") for line in lines[1:])}
        body = b""
        if to_head:
            pass
        elif "content-length" in headers:
            body = await asyncio.wait_for(
                self.reader.readexactly(int(headers["content-length"])), PATIENCE_S
            )
        elif "transfer-encoding" in headers:
            while size := int(await self.until(b"\r\n"), 16):
                body += (await asyncio.wait_for(self.reader.readexactly(size + 2), PATIENCE_S))[:-2]
            await self.until(b"\r\n")
        return Answer(int(lines[0].split(" ")[1]), headers, body)

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


class Serving:
    """An edge that serves, and the way to it."""

    def __init__(self, edge: Edge, port: int) -> None:
        self.edge = edge
        self.port = port
        self.clients: list[RawClient] = []

    async def connect(self, *, receive_buffer: int | None = None) -> RawClient:
        raw = socket.socket()
        if receive_buffer is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        raw.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", self.port))
        except OSError:
            raw.close()
            raise
        limit = 2**16 if receive_buffer is None else receive_buffer
        client = RawClient(*await asyncio.open_connection(sock=raw, limit=limit))
        self.clients.append(client)
        return client


@asynccontextmanager
async def serving(script: Script, settings: ServerSettings | None = None) -> AsyncIterator[Serving]:
    """Serve on a free port of loopback."""
    listeners = bind("127.0.0.1", 0)
    port = listeners[0].getsockname()[1]
    edge = Edge(script, settings or ServerSettings())
    await edge.start(listeners)
    served = Serving(edge, port)
    try:
        yield served
    finally:
        for client in served.clients:
            await client.close()
        await edge.aclose()
