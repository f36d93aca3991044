"""Each deadline by name, back-pressure in both directions, and bodies sent in pieces."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest
from tests.support.edge import until
from tests.support.raw_upstream import Peer, raw_upstream

from hx_gateway.core.errors import TimedOut
from hx_gateway.core.http import Deadlines, HttpRequest, Origin
from hx_gateway.transport.client import Client, Count

POST = HttpRequest(path="/v1/x", body=b"{}")
LONG = Deadlines(connect=60, first_byte=60, idle=60, total=60)
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"
ENDLESS = b"HTTP/1.1 200 OK\r\n\r\n"


def now() -> float:
    return asyncio.get_running_loop().time()


async def test_connect_deadline_ends_a_connection_nobody_accepts(client: Client) -> None:
    with contextlib.ExitStack() as sockets:
        listener = sockets.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        for _ in range(8):  # a full backlog drops further SYNs
            filler = sockets.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(address)
        began = now()
        origin = Origin(host="127.0.0.1", port=address[1])
        with pytest.raises(TimedOut, match="did not accept a connection in time"):
            await client.send(origin, POST, Deadlines(connect=0.2, first_byte=9))
        assert 0.15 < now() - began < 5.0


async def test_first_byte_deadline_ends_a_silent_upstream(client: Client) -> None:
    async with raw_upstream() as upstream:
        began = now()
        with pytest.raises(TimedOut, match="did not answer in time"):
            await client.send(upstream.origin, POST, Deadlines(first_byte=0.1))
        assert 0.09 < now() - began < 5.0
        assert client.connections[upstream.origin] == Count(open=0, idle=0)


async def test_first_byte_deadline_is_not_moved_by_a_trickling_head(client: Client) -> None:
    async with raw_upstream() as upstream:
        upstream.answers(*(bytes([b]) for b in OK), gap=0.03)
        with pytest.raises(TimedOut, match="did not answer in time"):
            await client.send(upstream.origin, POST, Deadlines(first_byte=0.1))


async def test_idle_deadline_ends_an_answer_that_stalls(client: Client) -> None:
    async with raw_upstream() as upstream:
        upstream.answers(OK[:-1])
        answer = await client.send(upstream.origin, POST, Deadlines(idle=0.1))
        assert await answer.receive() == b"hell"
        began = now()
        with pytest.raises(TimedOut, match="stopped in the middle"):
            await answer.receive()
        assert 0.09 < now() - began < 5.0
        assert client.connections[upstream.origin].open == 0


async def test_idle_deadline_counts_anew_with_each_piece(client: Client) -> None:
    async with raw_upstream() as upstream:
        upstream.answers(OK[:-5], b"h", b"e", b"l", b"l", b"o", gap=0.25)
        answer = await client.send(upstream.origin, POST, Deadlines(idle=1.0))
        assert await answer.read() == b"hello"


async def test_idle_deadline_does_not_run_while_the_reader_is_busy_elsewhere(
    client: Client,
) -> None:
    go = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK[:-3])
        await go.wait()
        await peer.send(OK[-3:])
        await peer.left()

    async with raw_upstream(script) as upstream:
        answer = await client.send(upstream.origin, POST, Deadlines(idle=0.5))
        assert await answer.receive() == b"he"
        await asyncio.sleep(0.7)
        go.set()
        assert await answer.receive() == b"llo"


async def test_total_deadline_ends_an_answer_that_keeps_coming(client: Client) -> None:
    async with raw_upstream() as upstream:
        upstream.answers(ENDLESS, *[b"x"] * 1000, gap=0.02)
        began = now()
        answer = await client.send(upstream.origin, POST, Deadlines(idle=9, total=1.0))
        with pytest.raises(TimedOut, match="did not finish in time"):
            await answer.read()
        assert 0.99 < now() - began < 10.0


async def test_total_deadline_holds_while_nobody_reads(client: Client) -> None:
    async with raw_upstream() as upstream:
        upstream.answers(ENDLESS + b"x")
        answer = await client.send(upstream.origin, POST, Deadlines(total=1.0))
        assert await answer.receive() == b"x"
        await until(lambda: client.connections[upstream.origin].open == 0)
        with pytest.raises(TimedOut, match="did not finish in time"):
            await answer.receive()


async def test_deadline_of_one_request_does_not_end_the_next(client: Client) -> None:
    async with raw_upstream() as upstream:
        upstream.answers(OK)
        await (await client.send(upstream.origin, POST, Deadlines(total=1.0))).read()
        upstream.answers(OK)
        await asyncio.sleep(1.1)
        answer = await client.send(upstream.origin, POST, LONG)
        assert await answer.read() == b"hello"
        assert upstream.accepted == 1


async def test_unread_answer_is_bounded_and_comes_whole_when_read(client: Client) -> None:
    size = 20_000_000
    sent = 0

    async def script(peer: Peer) -> None:
        nonlocal sent
        await peer.request()
        peer.writer.transport.set_write_buffer_limits(0)
        peer.writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size)
        while sent < size:
            peer.writer.write(b"x" * 100_000)
            await peer.writer.drain()
            sent += 100_000

    async with raw_upstream(script) as upstream:
        answer = await client.send(upstream.origin, POST, LONG)
        await asyncio.sleep(0.3)
        stalled_at = sent
        first = await answer.receive()
        assert len(first) <= 2 * 65536  # the mark, and the one read that went above it
        assert stalled_at < size - 100_000  # the rest waits in the kernel and in the upstream
        taken = len(first)
        while piece := await answer.receive():
            assert len(piece) <= 2 * 65536
            taken += len(piece)
        assert taken == size


class Pieces:
    """A body that arrives in pieces, as an edge hands it over."""

    def __init__(self, pieces: list[bytes], gap: float = 0.0) -> None:
        self.pieces = pieces
        self.gap = gap
        self.given = 0
        self.closed = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            await asyncio.sleep(self.gap)
            self.given += 1
            yield piece

    async def aclose(self) -> None:
        self.closed += 1


async def test_body_in_pieces_is_sent_chunked(client: Client) -> None:
    async with raw_upstream() as upstream:
        upstream.answers(OK)
        body = Pieces([b"hello", b"x" * 17])
        request = HttpRequest(path="/", stream=body)
        assert await (await client.send(upstream.origin, request, LONG)).read() == b"hello"
        head, _, sent = upstream.requests[0].partition(b"\r\n\r\n")
        assert b"Transfer-Encoding: chunked" in head
        assert b"Content-Length" not in head
        assert sent == b"5\r\nhello\r\n11\r\n" + b"x" * 17 + b"\r\n0\r\n\r\n"
        assert body.closed == 1
        assert client.connections[upstream.origin].idle == 1


async def test_body_in_pieces_waits_for_a_slow_upstream(client: Client) -> None:
    body = Pieces([b"x" * 65536] * 1000)
    async with raw_upstream() as upstream:  # never reads beyond its own buffers
        upstream.script = _sleeping
        request = HttpRequest(path="/", stream=body)
        with pytest.raises(TimedOut, match="did not take the request in time"):
            await client.send(upstream.origin, request, Deadlines(idle=0.2))
        assert body.given < 200
        assert body.closed == 1


async def _sleeping(peer: Peer) -> None:
    peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
    await asyncio.Event().wait()


async def test_whole_body_that_is_not_taken_is_a_timeout_too(client: Client) -> None:
    async with raw_upstream(_sleeping) as upstream:
        request = HttpRequest(path="/", body=b"x" * 20_000_000)
        with pytest.raises(TimedOut, match="did not take the request in time"):
            await client.send(upstream.origin, request, Deadlines(idle=0.2))


async def test_early_answer_stops_the_upload_and_costs_the_connection(client: Client) -> None:
    async def script(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.send(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n")
        await peer.left()

    body = Pieces([b"x"] * 1000, gap=0.01)
    async with raw_upstream(script) as upstream:
        answer = await client.send(upstream.origin, HttpRequest(path="/", stream=body), LONG)
        assert answer.status == 413
        assert await answer.read() == b""
        assert body.given < 200
        assert body.closed == 1
        assert client.connections[upstream.origin].open == 0


async def test_total_deadline_holds_while_the_client_uploads_nothing(client: Client) -> None:
    body = Pieces([b"x"], gap=5)
    async with raw_upstream() as upstream:
        request = HttpRequest(path="/", stream=body)
        with pytest.raises(TimedOut, match="did not finish in time"):
            await client.send(upstream.origin, request, Deadlines(total=1.0))
        assert body.closed == 1


async def test_large_body_arrives_whole(client: Client) -> None:
    async with raw_upstream() as upstream:
        upstream.answers(OK)
        request = HttpRequest(path="/", body=b"x" * 3_000_000)
        assert await (await client.send(upstream.origin, request, LONG)).read() == b"hello"
        assert upstream.requests[0].endswith(b"\r\n\r\n" + b"x" * 3_000_000)
