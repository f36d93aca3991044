"""What the client makes of an upstream's bytes, well-formed and not."""

import asyncio
import gzip
from collections.abc import AsyncIterator

import pytest
from tests.support.raw_upstream import Peer, RawUpstream, raw_upstream

from hx_gateway.core.errors import Garbled, Interrupted, Unreachable
from hx_gateway.core.http import Deadlines, Exchange, HttpRequest
from hx_gateway.transport.client import Client, ClientLimits

POST = HttpRequest(path="/v1/x", body=b"{}")
SOON = Deadlines(connect=30, first_byte=30, idle=30, total=60)
OK = b"HTTP/1.1 200 OK\r\n"
LENGTH = OK + b"content-length: 5\r\n\r\nhello"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nx-t: 1\r\n\r\n"
TO_EOF = OK + b"content-type: text/plain\r\n\r\nhello"


async def drained(answer: Exchange) -> bytes:
    """Take an answer piece by piece."""
    pieces = []
    while piece := await answer.receive():
        pieces.append(piece)
    return b"".join(pieces)


@pytest.mark.parametrize("wire", [LENGTH, CHUNKED, TO_EOF], ids=["length", "chunked", "eof"])
@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_body_is_whole_however_it_is_framed_and_cut(
    client: Client, wire: bytes, size: int
) -> None:
    async with raw_upstream() as upstream:
        pieces = [wire[at : at + size] for at in range(0, len(wire), size)]
        script = upstream.answers_once if wire is TO_EOF else upstream.answers
        script(*pieces, gap=0.0005 if size < 1000 else 0)
        answer = await client.send(upstream.origin, POST, SOON)
        assert answer.status == 200
        assert await answer.read() == b"hello"
        answer = await client.send(upstream.origin, POST, SOON)
        assert await drained(answer) == b"hello"


@pytest.mark.parametrize("wire", [LENGTH, CHUNKED], ids=["length", "chunked"])
async def test_body_cut_short_at_any_byte_is_never_a_success(client: Client, wire: bytes) -> None:
    async with raw_upstream() as upstream:
        for end in range(len(wire)):
            upstream.answers_once(wire[:end])
            with pytest.raises((Garbled, Unreachable)):
                await (await client.send(upstream.origin, POST, SOON)).read()
        assert client.connections[upstream.origin].open == 0


async def test_uncut_body_is_a_success_so_the_cuts_above_are_what_fails(client: Client) -> None:
    async with raw_upstream() as upstream:
        for wire in (LENGTH, CHUNKED):
            upstream.answers(wire)
            answer = await client.send(upstream.origin, POST, SOON)
            assert await answer.read() == b"hello"
            client.forget(upstream.origin)


async def test_cut_before_the_first_piece_is_garbled_and_after_it_interrupted(
    client: Client,
) -> None:
    async with raw_upstream() as upstream:
        upstream.answers_once(LENGTH[:-5])
        answer = await client.send(upstream.origin, POST, SOON)
        with pytest.raises(Garbled):
            await answer.receive()
        go = asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.send(LENGTH[:-3])
            await go.wait()

        upstream.script = script
        answer = await client.send(upstream.origin, POST, SOON)
        assert await answer.receive() == b"he"
        go.set()
        with pytest.raises(Interrupted):
            await answer.receive()


async def test_reset_in_the_middle_is_interrupted(client: Client) -> None:
    go = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(TO_EOF)
        await go.wait()
        peer.reset()

    async with raw_upstream(script) as upstream:
        answer = await client.send(upstream.origin, POST, SOON)
        assert await answer.receive() == b"hello"
        go.set()
        with pytest.raises(Interrupted):
            await answer.receive()


@pytest.mark.parametrize(
    "wire",
    [
        b"garbage\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"SSH-2.0-OpenSSH_9\r\n",
        b"HTTP/1.1 OK 200\r\n\r\n",
        OK + b"content-length: x\r\n\r\n",
        OK + b"content-length: -1\r\n\r\n",
        OK + b"content-length: 5\r\ncontent-length: 6\r\n\r\nhello",
        OK + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        OK + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        OK + b"transfer-encoding: identity\r\n\r\nhello",
        OK + b"bad header\r\n\r\n",
        OK + b"a : b\r\n\r\n",
        OK + b"transfer-encoding: chunked\r\n\r\nx\r\nhello",
        OK + b"transfer-encoding: chunked\r\n\r\n-1\r\nhello",
        OK + b"transfer-encoding: chunked\r\n\r\n3\r\nhello\r\n0\r\n\r\n",
        OK + b"transfer-encoding: chunked\r\n\r\n" + b"f" * 40 + b"\r\nhello",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
        OK + b"content-encoding: br\r\ncontent-length: 5\r\n\r\nhello",
    ],
)
async def test_garbage_is_garbled_and_drops_the_connection(client: Client, wire: bytes) -> None:
    async with raw_upstream() as upstream:
        upstream.answers(wire)
        with pytest.raises(Garbled):
            await (await client.send(upstream.origin, POST, SOON)).read()
        assert client.connections[upstream.origin].open == 0


async def test_close_without_an_answer_is_unreachable(client: Client) -> None:
    async with raw_upstream() as upstream:
        upstream.answers_once()
        with pytest.raises(Unreachable):
            await client.send(upstream.origin, POST, SOON)


async def test_interim_answers_are_skipped(client: Client) -> None:
    interim = b"HTTP/1.1 100 Continue\r\nx: y\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: z\r\n\r\n"
    async with raw_upstream() as upstream:
        upstream.answers(interim + LENGTH)
        answer = await client.send(upstream.origin, POST, SOON)
        assert (answer.status, "".join(map(str, answer.headers))) == (200, "b'content-length'")
        assert await answer.read() == b"hello"
        assert client.connections[upstream.origin].idle == 1


async def test_endless_interim_answers_are_refused(client: Client) -> None:
    async with raw_upstream() as upstream:
        upstream.answers(b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000)
        with pytest.raises(Garbled, match="too large a head"):
            await client.send(upstream.origin, POST, SOON)


@pytest.mark.parametrize(
    ("method", "head", "kept"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", False),
        ("HEAD", b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", True),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n", True),
        ("GET", b"HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n", True),
        ("POST", b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", True),
        (
            "GET",
            b"HTTP/1.1 302 Found\r\nlocation: http://192.0.2.1/\r\ncontent-length: 0\r\n\r\n",
            True,
        ),
    ],
)
async def test_answer_without_a_body_ends_with_its_head(
    client: Client, method: str, head: bytes, *, kept: bool
) -> None:
    async with raw_upstream() as upstream:
        upstream.answers(head)
        answer = await client.send(upstream.origin, HttpRequest(method=method, path="/"), SOON)
        assert answer.status == int(head[9:12])
        assert await answer.receive() == b""
        assert client.connections[upstream.origin].idle == kept
        assert upstream.accepted == 1


async def test_headers_are_lower_case_and_one_of_a_double_counts(client: Client) -> None:
    async with raw_upstream() as upstream:
        upstream.answers(OK + b"X-A: 1\r\nContent-Length: 0\r\nX-A: 3\r\n\r\n")
        answer = await client.send(upstream.origin, POST, SOON)
        assert answer.headers == {b"x-a": b"3", b"content-length": b"0"}


@pytest.mark.parametrize("encoding", ["whole", "bytes"])
async def test_gzip_nobody_asked_for_is_decoded(client: Client, encoding: str) -> None:
    body = gzip.compress(b"hello" * 100)
    head = OK + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(body)
    pieces = [head + body] if encoding == "whole" else [head, *(bytes([b]) for b in body)]
    async with raw_upstream() as upstream:
        upstream.answers(*pieces, gap=0.0005)
        assert b"Accept-Encoding: identity" in await _request_of(client, upstream)
        answer = await client.send(upstream.origin, POST, SOON)
        assert answer.headers == {}
        assert await drained(answer) == b"hello" * 100
        assert client.connections[upstream.origin].idle == 1


async def test_body_that_is_not_what_its_encoding_says_is_garbled(client: Client) -> None:
    async with raw_upstream() as upstream:
        upstream.answers(OK + b"content-encoding: gzip\r\ncontent-length: 5\r\n\r\nhello")
        with pytest.raises(Garbled, match="not validly compressed"):
            await (await client.send(upstream.origin, POST, SOON)).read()


async def _request_of(client: Client, upstream: RawUpstream) -> bytes:
    await (await client.send(upstream.origin, POST, SOON)).read()
    return upstream.requests[-1]


class TestCaps:
    """Each cap, on the good and on the bad side of it."""

    limits = ClientLimits(max_head=2000, max_headers=10, max_body=1000)

    @pytest.fixture
    async def client(self) -> AsyncIterator[Client]:
        made = Client(limits=self.limits)
        yield made
        await made.aclose()

    @pytest.mark.parametrize("step", [100, 100_000])
    async def test_head_above_the_cap_is_garbled(self, client: Client, step: int) -> None:
        async with raw_upstream() as upstream:
            for size, good in ((2000, True), (2001, False)):
                ends = b"\r\ncontent-length: 0\r\n\r\n"
                head = OK + b"x: " + b"y" * (size - len(OK) - 3 - len(ends)) + ends
                pieces = [head[at : at + step] for at in range(0, len(head), step)]
                upstream.answers(*pieces, gap=0.0005)
                client.forget(upstream.origin)
                if good:
                    assert await (await client.send(upstream.origin, POST, SOON)).read() == b""
                else:
                    with pytest.raises(Garbled, match="too large a head"):
                        await client.send(upstream.origin, POST, SOON)

    @pytest.mark.parametrize(("count", "good"), [(10, True), (11, False)])
    async def test_too_many_headers_are_garbled(
        self, client: Client, count: int, *, good: bool
    ) -> None:
        async with raw_upstream() as upstream:
            fields = b"".join(b"a%d: b\r\n" % n for n in range(count - 1))
            upstream.answers(OK + fields + b"content-length: 0\r\n\r\n")
            if good:
                await client.send(upstream.origin, POST, SOON)
            else:
                with pytest.raises(Garbled):
                    await client.send(upstream.origin, POST, SOON)

    @pytest.mark.parametrize(("size", "good"), [(1000, True), (1001, False)])
    async def test_body_above_the_cap_is_garbled(
        self, client: Client, size: int, *, good: bool
    ) -> None:
        async with raw_upstream() as upstream:
            upstream.answers_once(OK + b"\r\n" + b"x" * size)
            answer = await client.send(upstream.origin, POST, SOON)
            if good:
                assert len(await answer.read()) == size
            else:
                with pytest.raises(Garbled, match="too large"):
                    await answer.read()

    async def test_endless_body_is_refused_before_it_fills_the_memory(self, client: Client) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.send(OK + b"\r\n", *[b"x" * 65536] * 10_000)

        async with raw_upstream(script) as upstream:
            answer = await client.send(upstream.origin, POST, SOON)
            with pytest.raises(Garbled, match="too large"):
                await answer.read()
            assert client.connections[upstream.origin].open == 0
