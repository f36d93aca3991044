import pytest
from tests.support.fake_transport import Wire

from hx_gateway.core.errors import Garbled, Unreachable
from hx_gateway.transport.client.limits import ClientLimits
from hx_gateway.transport.client.pool import Count

LENGTH = b"HTTP/1.1 200 OK\r\nA: 1\r\na: 2\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"HTTP/1.1 103 Early Hints\r\nA: 0\r\n\r\n"
    b"HTTP/1.1 200 OK\r\nA: 1\r\nA: 2\r\nTransfer-Encoding: Chunked\r\n\r\n"
    b"3;x=y\r\nhel\r\n02\r\nlo\r\n0\r\nTrailer: x\r\n\r\n"
)


@pytest.mark.parametrize("wire", [LENGTH, CHUNKED], ids=["length", "chunked"])
async def test_answer_reads_the_same_cut_at_any_two_places(wire: bytes) -> None:
    end = Wire()
    for first in range(len(wire)):
        for second in range(first, len(wire), 7):
            end.ask()
            pieces = (wire[:first], wire[first:second], wire[second:])
            end.answer(*(piece for piece in pieces if piece))
            connection = end.connection
            assert (connection.complete, connection.status, connection.headers[b"a"]) == (
                True,
                200,
                b"2",
            )
            assert connection.take() == b"hello"
            connection.release()
    assert end.pool.count.open == 1
    assert not end.transport.aborted


@pytest.mark.parametrize("wire", [LENGTH, CHUNKED], ids=["length", "chunked"])
async def test_answer_that_ends_early_is_never_complete(wire: bytes) -> None:
    for cut in range(len(wire)):
        end = Wire()
        end.ask()
        if cut:
            end.answer(wire[:cut])
        end.connection.eof_received()
        assert not end.connection.complete
        assert isinstance(end.connection.fault, Garbled if cut else Unreachable)
        assert end.transport.aborted


async def test_second_answer_never_meets_the_next_request() -> None:
    for extra in range(1, len(LENGTH) + 1):
        end = Wire()
        end.ask()
        end.answer(LENGTH + LENGTH[:extra])
        assert end.connection.take() == b"hello"
        end.connection.release()
        assert end.pool.count == Count(open=0, idle=0)


async def test_trailers_are_not_the_headers_of_the_next_answer() -> None:
    end = Wire()
    for wire in (CHUNKED, LENGTH):
        end.ask()
        end.answer(wire)
        end.connection.release()
    assert end.connection.headers == {b"a": b"2", b"content-length": b"5"}


@pytest.mark.parametrize("around", [b"a: b\r\n", b"x"], ids=["many trailers", "one long trailer"])
async def test_endless_trailers_are_garbled(around: bytes) -> None:
    end = Wire()
    end.ask()
    end.answer(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\ny: z")
    end.answer(b"\r\n" if around != b"x" else b"x")
    for _ in range(70):
        end.answer(around * (1000 // len(around)))
    assert isinstance(end.connection.fault, Garbled)
    assert end.transport.aborted


async def test_long_body_in_small_chunks_is_not_taken_for_trailers() -> None:
    end = Wire()
    end.ask()
    end.answer(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    for _ in range(30_000):
        end.answer(b"1\r\nx\r\n")
    assert end.connection.take() == b"x" * 30_000


async def test_body_of_an_answer_that_has_none_is_not_handed_out() -> None:
    end = Wire()
    end.connection.begin(60, head_only=True)
    end.answer(LENGTH)
    assert end.connection.complete
    assert end.connection.take() == b""
    end.connection.release()
    assert end.transport.aborted


@pytest.mark.parametrize("stray", [b"H", b"\r\n", b"\0"])
async def test_bytes_while_idle_close_the_connection(stray: bytes) -> None:
    end = Wire()
    end.ask()
    end.answer(LENGTH)
    end.connection.release()
    assert end.pool.count == Count(open=1, idle=1)
    end.answer(stray)
    assert end.pool.count == Count(open=0, idle=0)


async def test_reading_stops_above_the_mark_and_goes_on_when_taken() -> None:
    end = Wire(ClientLimits(max_unread=10))
    end.ask()
    end.answer(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 10)
    paused = [end.transport.paused]
    end.answer(b"x")
    paused.append(end.transport.paused)
    assert end.connection.take() == b"x" * 11
    paused.append(end.transport.paused)
    assert paused == [False, True, False]


async def test_request_that_was_not_wholly_sent_costs_the_connection() -> None:
    end = Wire()
    end.ask()
    end.connection.sent = False
    end.answer(LENGTH)
    end.connection.release()
    assert end.transport.aborted


async def test_connection_that_closed_before_its_first_request_fails_it_at_once() -> None:
    """The peer can close between the end of the handshake and the task that waits for it."""
    end = Wire()
    end.connection.connection_lost(None)
    end.ask()
    with pytest.raises(Unreachable):
        await end.connection.wait(60, "late")
    assert end.pool.count == Count(open=0, idle=0)


async def test_body_up_to_the_end_of_the_connection_is_complete_with_it() -> None:
    end = Wire()
    end.ask()
    end.answer(b"HTTP/1.1 200 OK\r\n\r\n", b"hello")
    before = end.connection.complete
    end.connection.eof_received()
    assert (before, end.connection.complete) == (False, True)
    assert end.connection.take() == b"hello"


async def test_body_up_to_the_end_is_not_complete_when_the_connection_breaks() -> None:
    end = Wire()
    end.ask()
    end.answer(b"HTTP/1.1 200 OK\r\n\r\n", b"hello")
    end.connection.connection_lost(ConnectionResetError())
    assert not end.connection.complete
    assert isinstance(end.connection.fault, Garbled)
