from tests.support.fake_transport import Wire

from hx_gateway.transport.client.pool import Count

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


def used(wire: Wire) -> None:
    """Carry one request to its end."""
    wire.ask()
    wire.answer(ANSWER)
    wire.connection.release()


async def test_last_one_used_is_taken_first() -> None:
    one, two = Wire(), Wire()
    pool = one.pool
    for wire in (one, two):
        pool.add(wire.connection)
        pool.rested(wire.connection)
    assert [pool.take(), pool.take(), pool.take()] == [two.connection, one.connection, None]


async def test_lost_connection_is_in_no_list() -> None:
    wire = Wire()
    used(wire)
    assert wire.pool.count == Count(open=1, idle=1)
    wire.connection.connection_lost(None)
    assert wire.pool.count == Count(open=0, idle=0)
    assert wire.pool.take() is None


async def test_connection_whose_loss_was_not_reported_yet_is_passed_over() -> None:
    """A reset that the loop saw in this round gave a RuntimeError out of the next write."""
    wire = Wire()
    used(wire)
    wire.transport.abort()
    assert wire.pool.take() is None
    wire.connection.connection_lost(ConnectionResetError())
    assert wire.pool.count == Count(open=0, idle=0)


async def test_retired_pool_closes_free_connections_now_and_busy_ones_afterwards() -> None:
    free, busy = Wire(), Wire()
    used(free)
    free.pool.retire()
    assert free.transport.aborted
    busy.ask()
    busy.pool.retire()
    assert not busy.transport.aborted
    busy.answer(ANSWER)
    busy.connection.release()
    assert busy.transport.aborted


async def test_aborted_pool_closes_busy_connections_too() -> None:
    wire = Wire()
    wire.ask()
    wire.pool.abort()
    assert wire.transport.aborted
    assert wire.pool.count == Count(open=0, idle=0)
