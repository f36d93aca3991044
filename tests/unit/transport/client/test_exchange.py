import asyncio
import gzip
from collections.abc import Callable

import pytest
from tests.support.fake_transport import Wire

from hx_gateway.core.errors import Garbled, Interrupted
from hx_gateway.transport.client.exchange import Answer
from hx_gateway.transport.client.limits import ClientLimits
from hx_gateway.transport.client.pool import Count

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"


def answered(*pieces: bytes, limits: ClientLimits | None = None) -> tuple[Wire, Answer]:
    """An answer of which some pieces have come."""
    wire = Wire(limits)
    wire.ask()
    wire.answer(*pieces)
    return wire, Answer(wire.connection, 60, wire.limits)


def taking(given: list[bytes], until: bytes = b"") -> Callable[[bytes], bool]:
    """Take pieces into a list; `until` is the last one there is room for."""

    def take(piece: bytes) -> bool:
        given.append(piece)
        return piece != until

    return take


async def test_everything_that_is_here_comes_in_one_piece() -> None:
    wire, answer = answered(HEAD, b"h", b"e", b"l")
    assert await answer.receive() == b"hel"
    wire.answer(b"l", b"o")
    assert await answer.receive() == b"lo"
    assert await answer.receive() == b""
    assert await answer.receive() == b""
    assert wire.pool.count == Count(open=1, idle=1)


async def test_connection_is_given_back_with_the_last_byte_and_close_is_harmless_then() -> None:
    wire, answer = answered(HEAD + b"hello")
    assert await answer.read() == b"hello"
    assert wire.pool.count.idle == 1
    assert wire.pool.take() is wire.connection
    wire.ask()
    answer.close()
    assert not wire.transport.aborted


async def test_unfinished_answer_that_is_closed_drops_its_connection_at_once() -> None:
    wire, answer = answered(HEAD, b"hel")
    answer.close()
    assert wire.transport.aborted
    with pytest.raises(Interrupted):
        await answer.receive()


async def test_broken_answer_of_which_nothing_was_given_out_is_garbled() -> None:
    """What had come is withheld, so that another deployment may still answer."""
    wire, answer = answered(HEAD, b"hel")
    wire.connection.eof_received()
    with pytest.raises(Garbled):
        await answer.receive()


async def test_broken_answer_gives_out_the_rest_before_it_is_interrupted() -> None:
    wire, answer = answered(HEAD, b"h")
    assert await answer.receive() == b"h"
    wire.answer(b"el")
    wire.connection.eof_received()
    assert await answer.receive() == b"el"
    with pytest.raises(Interrupted):
        await answer.receive()


async def test_body_above_the_cap_is_garbled_and_one_at_the_cap_is_not() -> None:
    for cap in (5, 4):
        _, answer = answered(HEAD, b"hello", limits=ClientLimits(max_body=cap))
        if cap == 5:
            assert await answer.read() == b"hello"
        else:
            with pytest.raises(Garbled):
                await answer.read()


async def test_compressed_answer_looks_as_if_it_were_not() -> None:
    body = gzip.compress(b"hello")
    head = b"HTTP/1.1 200 OK\r\nx: y\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n"
    _, answer = answered(head % len(body) + body)
    assert answer.headers == {b"x": b"y"}
    assert await answer.read() == b"hello"


async def test_compressed_answer_without_its_end_is_garbled() -> None:
    body = gzip.compress(b"hello")[:-1]
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n"
    _, answer = answered(head % len(body) + body)
    with pytest.raises(Garbled):
        await answer.read()


async def test_what_is_passed_on_is_there_in_the_very_moment_it_comes() -> None:
    wire, answer = answered(HEAD, b"h")
    given: list[bytes] = []
    passing = asyncio.ensure_future(answer.pass_on(taking(given)))
    await asyncio.sleep(0)
    for piece in (b"e", b"l"):
        wire.answer(piece)
        assert given[-1] == piece
    wire.answer(b"lo")
    assert await passing is False
    assert b"".join(given) == b"hello"
    assert wire.pool.count == Count(open=1, idle=1)


async def test_who_has_enough_is_given_no_more_until_it_asks_again() -> None:
    wire, answer = answered(HEAD, b"h")
    given: list[bytes] = []
    passing = asyncio.ensure_future(answer.pass_on(taking(given, until=b"h")))
    await asyncio.sleep(0)
    wire.answer(b"e")
    assert await passing is True
    assert given == [b"h"]
    passing = asyncio.ensure_future(answer.pass_on(taking(given, until=b"l")))
    await asyncio.sleep(0)
    wire.answer(b"l")
    wire.answer(b"lo")
    assert await passing is True
    assert given == [b"h", b"e", b"l"]
    assert await answer.receive() == b"lo"
    assert await answer.pass_on(taking(given)) is False


async def test_what_the_taker_raises_is_raised_and_nothing_is_passed_on_any_more() -> None:
    def take(piece: bytes) -> bool:
        given.append(piece)
        if piece == b"e":
            raise ZeroDivisionError
        return True

    given: list[bytes] = []
    wire, answer = answered(HEAD, b"h")
    passing = asyncio.ensure_future(answer.pass_on(take))
    await asyncio.sleep(0)
    wire.answer(b"e")
    wire.answer(b"l")
    with pytest.raises(ZeroDivisionError):
        await passing
    assert given == [b"h", b"e"]


async def test_what_is_cancelled_is_given_nothing_any_more() -> None:
    wire, answer = answered(HEAD, b"h")
    given: list[bytes] = []
    passing = asyncio.ensure_future(answer.pass_on(taking(given)))
    await asyncio.sleep(0)
    passing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await passing
    wire.answer(b"e")
    assert given == [b"h"]


async def test_an_end_too_soon_while_passing_on_is_an_interruption() -> None:
    wire, answer = answered(HEAD, b"h")
    given: list[bytes] = []
    passing = asyncio.ensure_future(answer.pass_on(taking(given)))
    await asyncio.sleep(0)
    wire.answer(b"el")
    wire.connection.eof_received()
    with pytest.raises(Interrupted):
        await passing
    assert given == [b"h", b"el"]


async def test_compressed_answer_is_passed_on_unpacked() -> None:
    body = gzip.compress(b"hello")
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n"
    _, answer = answered(head % len(body), body[:9], body[9:])
    given: list[bytes] = []
    assert await answer.pass_on(taking(given)) is False
    assert b"".join(given) == b"hello"
