"""What becomes of kept answers when the store is away, hung, full or damaged: never an error."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis
from tests.support.valkey import ValkeyServer

from hx_gateway.cache.answers import AnswerCache
from hx_gateway.cache.entry import Entry, Found
from hx_gateway.cache.exact import ExactShelf
from hx_gateway.cache.lease import Lease
from hx_gateway.cache.question import Question
from hx_gateway.core.call import Call, Operation
from hx_gateway.core.clock import SystemClock, system_random
from hx_gateway.core.errors import DependencyError
from hx_gateway.core.secret import Secret
from hx_gateway.core.snapshot import CacheSettings, RedisSettings
from hx_gateway.store.answers_disk import DiskAnswers
from hx_gateway.store.answers_redis import RedisAnswers

DEADLINE_S = 0.3
PATIENT_S = 30.0  # longer than anything takes that works
NAME = "ab" * 32
CALL = Call(id="c", operation=Operation.CHAT, dialect="d", model="m", fields={})
QUESTION = Question(call=CALL, tenant="t", name=NAME, ttl_s=60)
ENTRY = Entry(tenant="t", dialect="d", body=b"{}", created_at=1.0)


@pytest.fixture
def server(valkey: ValkeyServer) -> Iterator[ValkeyServer]:
    """The server, up again at the end whatever a test did to it."""
    yield valkey
    valkey.restart()


@pytest.fixture(params=[PATIENT_S])
async def own(request: pytest.FixtureRequest, valkey: ValkeyServer) -> AsyncIterator[RedisAnswers]:
    made = RedisAnswers(RedisSettings(url=Secret(valkey.url()), timeout=request.param), "outage")
    yield made
    await made.aclose()


async def look(shelf: ExactShelf) -> Found | None:
    """Look up as a call does: what cannot be asked has nothing."""
    settings = CacheSettings(enabled=True, type="redis")
    cache = AnswerCache(settings, shelf, SystemClock(), system_random())
    lease = Lease(cache, QUESTION, SystemClock(), system_random())
    try:
        return await lease.find_or_take()
    finally:
        await lease.end()


async def seconds(shelf: ExactShelf) -> float:
    """Look up; gives the seconds until that was a miss."""
    begun = time.monotonic()
    assert await look(shelf) is None
    return time.monotonic() - begun


@pytest.mark.parametrize("own", [DEADLINE_S], indirect=True)
@pytest.mark.parametrize(("break_", "mend"), [("kill", "restart"), ("stop", "cont")])
async def test_an_outage_is_a_miss_in_time_and_heals_by_itself(
    own: RedisAnswers, server: ValkeyServer, break_: str, mend: str
) -> None:
    shelf = ExactShelf(own)
    await found_again(shelf)
    getattr(server, break_)()
    assert max([await seconds(shelf) for _ in range(6)]) < DEADLINE_S + 5.0  # a busy machine
    assert min([await seconds(shelf) for _ in range(5)]) < 0.05  # the breaker is open
    await shelf.keep(QUESTION, ENTRY, 60)
    await asyncio.to_thread(getattr(server, mend))
    await found_again(shelf)


async def found_again(shelf: ExactShelf) -> None:
    """Keep an answer until it is kept."""
    async with asyncio.timeout(PATIENT_S):
        while await look(shelf) is None:
            await shelf.keep(QUESTION, ENTRY, 60)
            await asyncio.sleep(0.02)


async def test_a_flush_leaves_what_is_not_ours(own: RedisAnswers, valkey: ValkeyServer) -> None:
    other = RedisAnswers(RedisSettings(url=Secret(valkey.url()), timeout=PATIENT_S), "other*")
    async with Redis.from_url(valkey.url()) as raw:
        await raw.set("hx:counter", b"1", ex=60)
        await raw.set("somebody", b"1", ex=60)
        for each in (own, other):
            await each.put(NAME, b"x", tenant="t", ttl_s=60)
        await own.flush()
        assert await own.get(NAME, tenant="t") is None
        assert await other.get(NAME, tenant="t") == b"x"
        await other.flush()
        assert await other.get(NAME, tenant="t") is None
        await other.aclose()
        assert await raw.get("hx:counter") == await raw.get("somebody") == b"1"


async def test_no_answer_is_left_without_a_life_time(
    own: RedisAnswers, valkey: ValkeyServer
) -> None:
    for number in range(10):
        await own.put(f"{number:064x}", b"x", tenant="t", ttl_s=60)
        await own.lease(f"{number:064x}", tenant="t", holder="me", ttl_s=60)
    async with Redis.from_url(valkey.url()) as raw:
        lives = [await raw.pttl(name) for name in await raw.keys("outage:*")]
    assert len(lives) >= 20
    assert min(lives) > 0


def disk(folder: Path) -> DiskAnswers:
    return DiskAnswers(folder, SystemClock(), 1 << 20)


def files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


async def test_files_are_found_again_by_the_next_process(tmp_path: Path) -> None:
    await disk(tmp_path).put(NAME, b"x", tenant="t", ttl_s=60)
    again = disk(tmp_path)
    assert await again.get(NAME, tenant="t") == b"x"
    (tmp_path / "not-ours.txt").write_text("x")
    await again.flush()
    assert [path.name for path in files(tmp_path)] == ["not-ours.txt"]


@pytest.mark.parametrize("damage", [b"", b"short", b"\xff" * 200])
async def test_a_damaged_file_is_a_miss(tmp_path: Path, damage: bytes) -> None:
    shelf = ExactShelf(disk(tmp_path))
    await shelf.keep(QUESTION, ENTRY, 60)
    (path,) = files(tmp_path)
    path.write_bytes(damage)
    assert await look(shelf) is None


async def test_a_file_that_somebody_removed_is_a_miss(tmp_path: Path) -> None:
    shelf = ExactShelf(disk(tmp_path))
    await shelf.keep(QUESTION, ENTRY, 60)
    files(tmp_path)[0].unlink()
    assert await look(shelf) is None


async def test_a_folder_that_cannot_be_used_is_a_miss_and_heals(tmp_path: Path) -> None:
    folder = tmp_path / "answers"
    folder.write_text("a file where the folder should be")
    answers = disk(folder)
    shelf = ExactShelf(answers)
    assert await look(shelf) is None
    await shelf.keep(QUESTION, ENTRY, 60)
    with pytest.raises(DependencyError) as caught:
        await answers.ping()
    assert str(folder) not in caught.value.message
    folder.unlink()
    await shelf.keep(QUESTION, ENTRY, 60)
    assert await look(shelf) is not None


async def test_the_files_are_for_their_owner_only(tmp_path: Path) -> None:
    await disk(tmp_path / "answers").put(NAME, b"x", tenant="t", ttl_s=60)
    assert (tmp_path / "answers").stat().st_mode & 0o077 == 0
