"""A connection to an upstream whose other end is a test: no socket, bytes go in by hand."""

import asyncio

from hx_gateway.core.http import Origin
from hx_gateway.transport.client.connection import SCRATCH, Connection
from hx_gateway.transport.client.head import way_to
from hx_gateway.transport.client.limits import ClientLimits
from hx_gateway.transport.client.pool import Pool


class FakeTransport(asyncio.Transport):
    """Keeps what was written; knows whether it was aborted or paused."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.aborted = self.paused = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def abort(self) -> None:
        self.aborted = True

    def is_closing(self) -> bool:
        return self.aborted

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False


class Wire:
    """One open connection in a pool of its own, and the upstream's end of it."""

    def __init__(self, limits: ClientLimits | None = None) -> None:
        self.scratch = memoryview(bytearray(SCRATCH))
        self.limits = limits or ClientLimits()
        self.pool = Pool(way_to(Origin(host="upstream"), None))
        self.transport = FakeTransport()
        self.connection = Connection(self.pool, self.limits, self.scratch)
        self.connection.connection_made(self.transport)
        self.pool.add(self.connection)

    def ask(self) -> None:
        """Send a request."""
        self.connection.begin(asyncio.get_running_loop().time() + 60)
        self.connection.write(b"GET / HTTP/1.1\r\n\r\n")
        self.connection.sent = True

    def answer(self, *pieces: bytes) -> None:
        """Let bytes arrive, each piece in a read of its own."""
        for piece in pieces:
            self.scratch[: len(piece)] = piece
            self.connection.buffer_updated(len(piece))
