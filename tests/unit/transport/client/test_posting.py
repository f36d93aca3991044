"""A connection that is driven without a task wakes its waiter once, whatever happens."""

import asyncio

import pytest
from tests.support.edge import until
from tests.support.fake_transport import FakeTransport

from hx_gateway.core.errors import Garbled, TimedOut, Unreachable
from hx_gateway.core.http import Origin
from hx_gateway.core.outbox import Outbox
from hx_gateway.transport.client.connection import SCRATCH
from hx_gateway.transport.client.head import way_to
from hx_gateway.transport.client.limits import ClientLimits
from hx_gateway.transport.client.pool import Pool
from hx_gateway.transport.client.posting import PostingConnection, Wait

PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"
WAIT = Wait(10.0, 60.0, "too late")


class Waiting:
    """Notes what it was woken with."""

    def __init__(self) -> None:
        self.faults: list[Exception | None] = []

    def wake(self, fault: Exception | None) -> None:
        self.faults.append(fault)


class End:
    """One connection with a request on it, and the upstream's end."""

    def __init__(self, wait: Wait = WAIT, limits: ClientLimits | None = None) -> None:
        self.scratch = memoryview(bytearray(SCRATCH))
        self.pool = Pool(way_to(Origin(host="upstream"), None))
        self.transport = FakeTransport()
        self.outbox = Outbox()
        self.connection = PostingConnection(
            self.pool, limits or ClientLimits(), self.scratch, self.outbox
        )
        self.connection.connection_made(self.transport)
        self.pool.add(self.connection)
        self.wait = wait
        self.post()

    def post(self) -> None:
        self.waiting = Waiting()
        self.connection.post(b"POST / HTTP/1.1\r\n\r\n", self.wait, self.waiting)

    def answer(self, data: bytes) -> None:
        self.scratch[: len(data)] = data
        self.connection.buffer_updated(len(data))


@pytest.mark.parametrize("wire", [PLAIN, CHUNKED], ids=["length", "chunked"])
async def test_whole_answers_are_looked_at_and_the_connection_serves_again(wire: bytes) -> None:
    end = End()
    assert end.transport.written == b""
    await asyncio.sleep(0)  # at the end of this round
    assert end.transport.written.startswith(b"POST /")
    for _ in range(3):
        end.answer(wire)
        assert end.waiting.faults == [None]
        assert end.connection.whole() == b"hello"
        end.connection.release()
        assert end.pool.count.idle == 1
        assert end.connection.take() == b""  # nothing is kept of it
        assert end.pool.take() is end.connection
        end.post()


@pytest.mark.parametrize(
    "wire",
    [
        PLAIN[:-1],
        PLAIN.replace(b"200", b"201"),
        PLAIN.replace(b"200", b"500"),
        PLAIN.replace(b"\r\n\r\n", b"\r\nContent-encoding: gzip\r\n\r\n"),
        b"HTTP/1.1 200 OK\r\n\r\nhello",  # ends with the connection, so who knows
        CHUNKED[:-2],
    ],
)
async def test_anything_else_is_left_to_who_can_deal_with_it(wire: bytes) -> None:
    end = End()
    end.answer(wire)
    assert end.waiting.faults == [None]
    assert end.connection.whole() is None
    end.answer(b"") if end.connection.complete else None
    assert end.waiting.faults == [None]  # only once


async def test_a_body_above_the_limit_is_not_taken_whole() -> None:
    end = End(limits=ClientLimits(max_body=4))
    end.answer(PLAIN)
    assert end.connection.whole() is None


async def test_half_a_head_wakes_nobody() -> None:
    end = End()
    end.answer(PLAIN[:20])
    assert end.waiting.faults == []
    end.answer(PLAIN[20:])
    assert end.waiting.faults == [None]
    assert end.connection.whole() == b"hello"


async def test_an_end_without_an_answer_is_a_fault() -> None:
    end = End()
    end.connection.connection_lost(None)
    assert [type(fault) for fault in end.waiting.faults] == [Unreachable]
    assert end.connection.whole() is None
    end.connection.connection_lost(None)
    assert len(end.waiting.faults) == 1


async def test_garbage_is_a_fault() -> None:
    end = End()
    end.answer(b"SSH-2.0-OpenSSH\r\n")
    assert [type(fault) for fault in end.waiting.faults] == [Garbled]


async def test_an_answer_that_does_not_come_is_late() -> None:
    end = End(Wait(0.01, None, "too late"))
    await until(lambda: bool(end.waiting.faults))
    (fault,) = end.waiting.faults
    assert isinstance(fault, TimedOut)
    assert fault.message == "too late"
    assert end.transport.aborted


async def test_a_task_may_go_on_from_there() -> None:
    end = End()
    end.answer(PLAIN[:-2])
    assert end.waiting.faults == [None]
    waits = asyncio.ensure_future(_next(end.connection))
    await asyncio.sleep(0)
    end.answer(PLAIN[-2:])
    await waits
    assert end.connection.take() == b"hello"
    assert end.waiting.faults == [None]


async def _next(connection: PostingConnection) -> None:
    await connection.wait(5.0, "late")
