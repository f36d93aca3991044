"""Lines send requests on free connections, and hand over what became of them."""

import asyncio

import pytest
from tests.support.fake_transport import FakeTransport

from hx_gateway.core.errors import InvalidRequest, Unreachable
from hx_gateway.core.fast import Sent
from hx_gateway.core.http import Deadlines, HttpRequest, Origin
from hx_gateway.transport.client import Client
from hx_gateway.transport.client.connection import SCRATCH
from hx_gateway.transport.client.limits import ClientLimits
from hx_gateway.transport.client.line import Line
from hx_gateway.transport.client.pool import Pool
from hx_gateway.transport.client.posting import PostingConnection

ORIGIN = Origin(host="upstream", port=8000)
REQUEST = HttpRequest(path="/v1/chat", headers=((b"authorization", b"Bearer k"),))
DEADLINES = Deadlines()
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


class Waiting:
    def __init__(self) -> None:
        self.woken = 0

    def wake(self, fault: Exception | None) -> None:
        del fault
        self.woken += 1


class Rig:
    """A client with one connection that is free."""

    def __init__(self) -> None:
        self.client = Client()
        self.line: Line = self.client.line(ORIGIN, REQUEST, DEADLINES)
        self.pool: Pool = self.client._pools[ORIGIN]
        self.scratch = memoryview(bytearray(SCRATCH))
        self.transport = FakeTransport()
        self.connection = PostingConnection(
            self.pool, ClientLimits(), self.scratch, self.client._outbox
        )
        self.connection.connection_made(self.transport)
        self.pool.add(self.connection)
        self.pool.rested(self.connection)

    def answer(self, data: bytes) -> None:
        self.scratch[: len(data)] = data
        self.connection.buffer_updated(len(data))

    def send(self, body: bytes = b"{}") -> tuple[Sent | None, Waiting]:
        waiting = Waiting()
        return self.line.send(body, waiting), waiting


async def test_the_request_is_what_the_client_would_send() -> None:
    rig = Rig()
    sent, _ = rig.send(b'{"a":1}')
    rig.client._outbox.flush()
    by_line = rig.transport.written
    assert sent is not None
    rig.answer(ANSWER)
    sent.release()
    rig.transport.written = b""
    body = HttpRequest(path=REQUEST.path, headers=REQUEST.headers, body=b'{"a":1}')
    asking = asyncio.ensure_future(rig.client.send(ORIGIN, body, DEADLINES))
    await asyncio.sleep(0)
    assert rig.transport.written == by_line
    rig.answer(ANSWER)
    assert await (await asking).read() == b"hello"


async def test_without_a_free_connection_nothing_is_sent() -> None:
    rig = Rig()
    first, _ = rig.send()
    assert first is not None
    assert rig.send()[0] is None


async def test_a_connection_that_closes_is_not_used() -> None:
    rig = Rig()
    rig.transport.aborted = True
    assert rig.send()[0] is None


async def test_what_was_sent_can_be_waited_for() -> None:
    rig = Rig()
    sent, waiting = rig.send()
    assert sent is not None
    rig.answer(ANSWER[:-1])
    assert waiting.woken == 1
    exchange = await rig.line.exchange(sent, DEADLINES)
    assert exchange.status == 200
    reading = asyncio.ensure_future(exchange.read())
    await asyncio.sleep(0)
    rig.answer(ANSWER[-1:])
    assert await reading == b"hello"
    assert rig.pool.count.idle == 1


async def test_a_fault_is_raised_where_it_is_waited_for() -> None:
    rig = Rig()
    sent, waiting = rig.send()
    assert sent is not None
    rig.connection.connection_lost(None)
    assert waiting.woken == 1
    with pytest.raises(Unreachable):
        await rig.line.exchange(sent, DEADLINES)


async def test_there_is_no_line_for_a_head_that_would_forge_a_request() -> None:
    client = Client()
    for bad in (
        HttpRequest(path="/a b"),
        HttpRequest(path="/", headers=((b"x", b"1\r\ny: 2"),)),
        HttpRequest(path="/", headers=((b"host", b"other"),)),
    ):
        with pytest.raises(InvalidRequest):
            client.line(ORIGIN, bad, DEADLINES)


async def test_a_closed_client_opens_no_line() -> None:
    client = Client()
    await client.aclose()
    with pytest.raises(Unreachable):
        client.line(ORIGIN, REQUEST, DEADLINES)
