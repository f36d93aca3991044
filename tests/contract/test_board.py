"""What every board keeps to: the one of the tests, Valkey."""

import asyncio
import time
from collections.abc import AsyncIterator
from itertools import count

import pytest
from tests.support.board import MemoryBoard
from tests.support.clock import FakeClock
from tests.support.valkey import ValkeyServer

from hx_gateway.core.clock import SystemClock
from hx_gateway.core.errors import DependencyError
from hx_gateway.core.ports import Board
from hx_gateway.core.secret import Secret
from hx_gateway.core.snapshot import RedisSettings
from hx_gateway.store.board_redis import RedisBoard

_numbers = count()
ODD = "a \x1f b\n\u00e9"


def on_valkey(server: ValkeyServer, name: str) -> RedisBoard:
    return RedisBoard(RedisSettings(url=Secret(server.url()), timeout=30.0), name=name)


@pytest.fixture(params=["memory", "valkey"])
async def boards(request: pytest.FixtureRequest) -> AsyncIterator[list[Board]]:
    """The same board as two processes have it."""
    made: list[Board]
    if request.param == "memory":
        made = [MemoryBoard(SystemClock())] * 2
    else:
        server, name = request.getfixturevalue("valkey"), f"test:board{next(_numbers)}"
        made = [on_valkey(server, name) for _ in range(2)]
    yield made
    for board in made:
        await board.aclose()


async def names(board: Board) -> set[str]:
    return {note.name for note in await board.exchange({}, ())}


async def test_what_one_leaves_the_other_reads(boards: list[Board]) -> None:
    one, other = boards
    assert await other.exchange({}, ()) == []
    (mine,) = await one.exchange({ODD: 60.0}, ())
    assert mine.name == ODD
    (note,) = await other.exchange({}, ())
    assert note.name == ODD
    assert 0 <= note.age_s < 60
    assert 0 < note.left_s <= 60


async def test_a_note_that_is_removed_or_over_is_gone(boards: list[Board]) -> None:
    one, other = boards
    await one.exchange({"kept": 60.0, "short": 0.05, "dropped": 60.0}, ())
    await other.exchange({}, ("dropped", "unknown"))
    end = time.monotonic() + 30.0
    while await names(one) != {"kept"}:
        assert time.monotonic() < end
        await asyncio.sleep(0.01)


async def test_a_note_that_is_left_again_lives_on_from_then(boards: list[Board]) -> None:
    one, other = boards
    await one.exchange({"a": 0.05}, ())
    await one.exchange({"a": 60.0}, ())
    await asyncio.sleep(0.06)
    (note,) = await other.exchange({}, ())
    assert note.left_s > 0.05


async def test_the_board_of_valkey_does_not_stay_for_ever(valkey: ValkeyServer) -> None:
    """Symptom elsewhere: keys without a life time, left behind by whoever died."""
    board = on_valkey(valkey, "test:mortal")
    redis = board._link.redis
    await board.exchange({"a": 30.0}, ())
    await board.exchange({"b": 60.0}, ())
    assert 30_000 < await redis.pttl("test:mortal") <= 60_000
    await board.exchange({"c": 30.0}, ())
    assert 30_000 < await redis.pttl("test:mortal") <= 60_000
    await board.exchange({}, ("a", "b", "c"))
    assert not await redis.exists("test:mortal")
    await board.aclose()


async def test_what_is_no_note_is_swept_away(valkey: ValkeyServer) -> None:
    board = on_valkey(valkey, "test:forged")
    redis = board._link.redis
    await board.exchange({"a": 60.0}, ())
    await redis.hset("test:forged", "forged", "nonsense")
    assert [note.name for note in await board.exchange({}, ())] == ["a"]
    assert await redis.hkeys("test:forged") == [b"a"]
    await board.aclose()


async def test_a_board_that_is_away_says_so() -> None:
    board = MemoryBoard(FakeClock())
    board.is_away = True
    with pytest.raises(DependencyError):
        await board.exchange({}, ())
