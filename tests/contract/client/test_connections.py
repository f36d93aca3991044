"""Which connection a request goes over, and what becomes of it afterwards."""

import asyncio
import contextlib
import random
from pathlib import Path

import pytest
from tests.support.edge import until
from tests.support.processes import free_port
from tests.support.raw_upstream import Peer, raw_upstream

from hx_gateway.core.errors import Interrupted, InvalidRequest, TimedOut, Unreachable
from hx_gateway.core.http import Deadlines, HttpRequest, Origin
from hx_gateway.transport.client import Client, ClientLimits, Count

POST = HttpRequest(path="/v1/x", body=b"{}")
GET = HttpRequest(method="GET", path="/v1/x")
SOON = Deadlines(connect=30, first_byte=30, idle=30, total=60)
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"
ENDLESS = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + b"5\r\nhello\r\n"


async def test_connection_is_used_again_after_a_whole_answer(client: Client) -> None:
    async with raw_upstream() as upstream:
        upstream.answers(OK)
        for _ in range(5):
            await (await client.send(upstream.origin, POST, SOON)).read()
        assert upstream.accepted == 1
        assert client.connections == {upstream.origin: Count(open=1, idle=1)}


async def test_parallel_requests_have_a_connection_each_and_the_last_used_serves_next(
    client: Client,
) -> None:
    served: list[Peer] = []

    async def script(peer: Peer) -> None:
        while await peer.request():
            served.append(peer)
            await peer.send(OK)

    async with raw_upstream(script) as upstream:
        answers = [await client.send(upstream.origin, POST, SOON) for _ in range(3)]
        assert client.connections[upstream.origin] == Count(open=3, idle=0)
        for answer in answers:
            answer.close()
        assert client.connections[upstream.origin] == Count(open=3, idle=3)
        await (await client.send(upstream.origin, POST, SOON)).read()
        assert served[3] is served[2]


@pytest.mark.parametrize(
    "wire",
    [
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello",
        b"HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello",
        OK + b"HTTP/1.1 200 OK\r\n",
        OK + OK,
        OK + b"x",
    ],
    ids=["close", "http/1.0", "half an answer more", "an answer more", "a byte more"],
)
async def test_connection_that_cannot_be_trusted_is_not_used_again(
    client: Client, wire: bytes
) -> None:
    async with raw_upstream() as upstream:
        upstream.answers(wire)
        for _ in range(2):
            assert await (await client.send(upstream.origin, POST, SOON)).read() == b"hello"
        assert upstream.accepted == 2


async def test_bytes_on_an_idle_connection_drop_it(client: Client) -> None:
    go = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        await go.wait()
        await peer.send(OK)
        await peer.left()

    async with raw_upstream(script) as upstream:
        await (await client.send(upstream.origin, POST, SOON)).read()
        assert client.connections[upstream.origin].idle == 1
        go.set()
        await until(lambda: client.connections[upstream.origin].open == 0)


async def test_connection_that_the_upstream_closed_while_idle_is_forgotten_at_once(
    client: Client,
) -> None:
    async with raw_upstream() as upstream:
        for _ in range(3):
            upstream.answers_once(OK)
            assert await (await client.send(upstream.origin, POST, SOON)).read() == b"hello"
            await until(lambda: client.connections[upstream.origin] == Count(open=0, idle=0))


class Closing:
    """Answers the first request of a connection, and leaves on seeing the second."""

    def __init__(self) -> None:
        self.seen = 0

    async def __call__(self, peer: Peer) -> None:
        if await peer.request():
            self.seen += 1
            await peer.send(OK)
        if await peer.request():
            self.seen += 1


async def test_post_that_may_have_been_seen_is_not_sent_twice(client: Client) -> None:
    script = Closing()
    async with raw_upstream(script) as upstream:
        await (await client.send(upstream.origin, POST, SOON)).read()
        with pytest.raises(Unreachable):
            await client.send(upstream.origin, POST, SOON)
        assert (script.seen, upstream.accepted) == (2, 1)


async def test_get_is_repeated_once_on_a_fresh_connection(client: Client) -> None:
    script = Closing()
    async with raw_upstream(script) as upstream:
        await (await client.send(upstream.origin, GET, SOON)).read()
        assert await (await client.send(upstream.origin, GET, SOON)).read() == b"hello"
        assert (script.seen, upstream.accepted) == (3, 2)


async def test_get_on_a_fresh_connection_is_not_repeated(client: Client) -> None:
    async with raw_upstream() as upstream:
        upstream.answers_once()
        with pytest.raises(Unreachable):
            await client.send(upstream.origin, GET, SOON)
        assert upstream.accepted == 1


async def test_idle_connection_is_closed_after_its_time() -> None:
    client = Client(limits=ClientLimits(idle_timeout=0.5))
    async with raw_upstream() as upstream:
        upstream.answers(OK)
        for _ in range(2):
            await (await client.send(upstream.origin, POST, SOON)).read()
        assert upstream.accepted == 1
        assert client.connections[upstream.origin].idle == 1
        await until(lambda: client.connections[upstream.origin].open == 0)
        await until(lambda: upstream.open == 0)


async def test_unfinished_answer_that_is_closed_is_seen_upstream_within_100_ms(
    client: Client,
) -> None:
    left: list[float] = []
    took: list[float] = []

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(ENDLESS)
        left.append(await peer.left())

    async with raw_upstream(script) as upstream:
        for _ in range(20):
            answer = await client.send(upstream.origin, POST, SOON)
            assert await answer.receive() == b"hello"
            closed_at = asyncio.get_running_loop().time()
            answer.close()
            answer.close()
            await until(lambda: bool(left))
            took.append(left.pop() - closed_at)
            with pytest.raises(Interrupted):
                await answer.receive()
        assert client.connections[upstream.origin].open == 0
    assert sorted(took)[10] < 0.1


async def test_whole_answer_that_nobody_read_keeps_its_connection(client: Client) -> None:
    async with raw_upstream() as upstream:
        upstream.answers(OK)
        answer = await client.send(upstream.origin, POST, SOON)
        answer.close()
        assert client.connections[upstream.origin].idle == 1
        assert await (await client.send(upstream.origin, POST, SOON)).read() == b"hello"


async def test_upstream_that_is_not_there_is_unreachable_without_its_address(
    client: Client, tmp_path: Path
) -> None:
    origins = [
        Origin(host="127.0.0.1", port=free_port()),
        Origin(host="no-such-host.invalid"),
        Origin(host="x" * 70),
        Origin(socket_path=str(tmp_path / "none")),
        Origin(socket_path="/" + "x" * 200),
    ]
    for origin in origins:
        with pytest.raises(Unreachable) as caught:
            await client.send(origin, POST, SOON)
        text = caught.value.message
        assert origin.host not in text
        assert str(origin.port) not in text
        assert client.connections[origin].open == 0


async def test_unix_socket_is_an_upstream_like_any_other(client: Client, tmp_path: Path) -> None:
    async with raw_upstream(path=tmp_path / "s") as upstream:
        upstream.answers(OK)
        for _ in range(2):
            assert await (await client.send(upstream.origin, POST, SOON)).read() == b"hello"
        assert upstream.accepted == 1
        assert b"Host: localhost\r\n" in upstream.requests[0]


async def test_forgotten_upstream_loses_its_connections_when_they_are_free(client: Client) -> None:
    async with raw_upstream() as upstream:
        upstream.answers(OK)
        free = await client.send(upstream.origin, POST, SOON)
        busy = await client.send(upstream.origin, POST, SOON)
        free.close()
        client.forget(upstream.origin)
        await until(lambda: upstream.open == 1)
        assert await busy.read() == b"hello"
        await until(lambda: upstream.open == 0)


async def test_closed_client_leaves_nothing_open_and_sends_nothing(client: Client) -> None:
    async with raw_upstream() as upstream:
        upstream.answers(OK)
        await (await client.send(upstream.origin, POST, SOON)).read()
        busy = await client.send(upstream.origin, POST, SOON)
        await client.aclose()
        await until(lambda: upstream.open == 0)
        assert await busy.read() == b"hello"  # it was all here already
        with pytest.raises(Unreachable):
            await client.send(upstream.origin, POST, SOON)


async def test_forged_header_reaches_no_upstream(client: Client) -> None:
    async with raw_upstream() as upstream:
        upstream.answers(OK)
        evil = HttpRequest(path="/", headers=((b"X-A", b"b\r\nX-Evil: c"),))
        with pytest.raises(InvalidRequest):
            await client.send(upstream.origin, evil, SOON)
        assert upstream.accepted == 0


async def test_thousand_random_cancellations_leak_nothing(client: Client) -> None:
    """Cancelled while connecting, waiting for the head or reading: no descriptor stays."""

    async def script(peer: Peer) -> None:
        while await peer.request():
            await asyncio.sleep(rng.random() * 0.004)
            await peer.send(OK[:-3], OK[-3:], gap=rng.random() * 0.004)

    async def one(origin: Origin) -> None:
        answer = await client.send(origin, POST, SOON)
        try:
            assert await answer.read() == b"hello"
        finally:
            answer.close()

    rng = random.Random(7)
    async with raw_upstream(script) as upstream:
        before = descriptors()
        for _ in range(20):
            tasks = [asyncio.ensure_future(one(upstream.origin)) for _ in range(50)]
            for task in tasks:
                await asyncio.sleep(rng.random() * 0.0004)
                task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(end is None or isinstance(end, asyncio.CancelledError) for end in ends)
        count = client.connections[upstream.origin]
        assert count.open == count.idle
        assert await (await client.send(upstream.origin, POST, SOON)).read() == b"hello"
        client.forget(upstream.origin)
        await until(lambda: upstream.open == 0)
        await until(lambda: descriptors() == before)


def descriptors() -> int:
    """Count this process's open descriptors."""
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_stalled_upstream_fails_each_wait_by_its_own_deadline(client: Client) -> None:
    """Any mixture of stalls: over soon after the total deadline, or the stage's own."""

    async def script(peer: Peer) -> None:
        await peer.request()
        for byte in OK:
            await asyncio.sleep(rng.choice([0, 0, 0, 0.02, 0.3]))
            await peer.send(bytes([byte]))

    async def one(origin: Origin) -> float:
        limits = Deadlines(connect=1, first_byte=0.2, idle=0.1, total=0.25)
        began = asyncio.get_running_loop().time()
        with contextlib.suppress(TimedOut):
            await (await client.send(origin, POST, limits)).read()
        return asyncio.get_running_loop().time() - began

    rng = random.Random(3)
    async with raw_upstream(script) as upstream:
        took = sorted(await asyncio.gather(*(one(upstream.origin) for _ in range(60))))
        assert took[30] < 0.75  # unbounded, half of them would take 2.5 s and more
        assert took[-1] < 5.0
        assert client.connections[upstream.origin].open == 0
