"""With a namespace, a user of Redis who may use but its keys is enough."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from redis.asyncio import Redis
from tests.support.valkey import ValkeyServer

from hx_gateway.app.answers import open_answers
from hx_gateway.app.database import open_board, open_counters
from hx_gateway.core.clock import SystemClock
from hx_gateway.core.errors import DependencyError
from hx_gateway.core.secret import Secret
from hx_gateway.core.snapshot import CacheSettings, RedisSettings, Snapshot

T = "tenant"


@pytest.fixture
async def snapshot(valkey: ValkeyServer, tmp_path: Path) -> AsyncIterator[Snapshot]:
    rights = ("on", ">of-the-user", "~own:*", "+@all")
    async with Redis.from_url(valkey.url()) as redis:
        await redis.execute_command("ACL", "SETUSER", "narrow", *rights)  # type: ignore[no-untyped-call]
        url = Secret(f"redis://narrow:of-the-user@127.0.0.1:{valkey.port}/5")
        yield Snapshot(
            state_dir=tmp_path,
            routes={},
            deployments={},
            redis=RedisSettings(url=url, timeout=30.0, namespace="own"),
            cache=CacheSettings(enabled=True, type="redis", namespace="own", timeout=30.0),
        )
        await redis.execute_command("ACL", "DELUSER", "narrow")  # type: ignore[no-untyped-call]


async def used(snapshot: Snapshot) -> None:
    clock = SystemClock()
    counters, board = open_counters(snapshot, clock), open_board(snapshot, clock)
    answers = open_answers(snapshot, clock)
    assert board is not None
    assert answers is not None
    try:
        await counters.ping()
        assert await counters.add("calls", 1, 60) >= 1
        await counters.put("value", b"x", 60)
        assert await counters.take("value") == b"x"
        assert [note.name for note in await board.exchange({"note": 60}, [])] == ["note"]
        assert await answers.lease("a", tenant=T, holder="me", ttl_s=60)
        await answers.put("a", b"answer", tenant=T, ttl_s=60)
        assert await answers.get_all(["a"], tenant=T) == [b"answer"]
        await answers.flush()
        assert await answers.get("a", tenant=T) is None
    finally:
        await asyncio.gather(counters.aclose(), board.aclose(), answers.aclose())


async def test_all_that_is_used_is_in_the_namespace(snapshot: Snapshot) -> None:
    await used(snapshot)


@pytest.mark.parametrize("of", ["redis", "cache"])
async def test_a_user_without_the_keys_is_refused(snapshot: Snapshot, of: str) -> None:
    other = msgspec.structs.replace(getattr(snapshot, of), namespace="other")
    with pytest.raises(DependencyError):
        await used(msgspec.structs.replace(snapshot, **{of: other}))
