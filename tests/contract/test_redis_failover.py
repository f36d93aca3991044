"""Redis behind Sentinels and as a Cluster: who dies is replaced, and callers find the other."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import TypeVar

import pytest
from tests.support.valkey_sets import Cluster, Watched, valkey_cluster, watched_valkeys

from hx_gateway.core.errors import DependencyError
from hx_gateway.core.secret import Secret
from hx_gateway.core.snapshot import RedisSettings
from hx_gateway.store.answers_redis import RedisAnswers
from hx_gateway.store.counters_redis import RedisCounters

pytestmark = pytest.mark.slow  # several servers each, and the seconds in which they elect

DEADLINE_S = 1.0
PATIENT_S = 120.0
TENANT = "tenant"
T = TypeVar("T")


@pytest.fixture
def watched() -> Iterator[Watched]:
    with watched_valkeys() as made:
        yield made


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with valkey_cluster() as made:
        yield made


def settings(watched: Watched, password: str | None = None) -> RedisSettings:
    own = Secret(password or watched.password)
    return RedisSettings(url=Secret(watched.url()), timeout=DEADLINE_S, sentinel_password=own)


async def counted(counters: RedisCounters, name: str) -> int:
    """Count until it is counted; gives the first number."""
    return await until_done(partial(counters.add, name, 1, 600))


async def test_counting_goes_on_at_whom_the_sentinels_name(watched: Watched) -> None:
    counters = RedisCounters(settings(watched))
    alone = RedisCounters(
        RedisSettings(url=Secret(watched.primary().url()), timeout=DEADLINE_S), prefix="alone:"
    )
    try:
        for _ in range(5):
            await counted(counters, "calls")
        await counted(alone, "calls")
        lost = watched.primary()
        await asyncio.to_thread(watched.settle)
        lost.kill()
        watched.sentinels[0].kill()  # the one that was asked so far
        assert await counted(counters, "calls") >= 6
        with pytest.raises(DependencyError):  # who has but an address stays without
            await alone.add("calls", 1, 600)
    finally:
        await counters.aclose()
        await alone.aclose()


async def test_a_primary_that_came_back_as_a_replica_is_not_written_to(watched: Watched) -> None:
    counters = RedisCounters(settings(watched))
    try:
        await counted(counters, "calls")
        lost = watched.primary()
        await asyncio.to_thread(lost.stop)
        await counted(counters, "calls")
        assert watched.primary().port != lost.port
        await asyncio.to_thread(lost.cont)
        for _ in range(50):
            await counted(counters, "calls")
        assert await counters.get("calls") >= 51
    finally:
        await counters.aclose()


async def test_sentinels_with_another_password_are_named_as_the_cause(watched: Watched) -> None:
    counters = RedisCounters(settings(watched, "another"))
    try:
        with pytest.raises(DependencyError, match="No Sentinel that answers names a primary"):
            await until_refused(counters)
    finally:
        await counters.aclose()


@pytest.mark.parametrize("break_", ["kill", "stop"])
async def test_the_keys_of_a_dead_node_of_a_cluster_are_at_its_replica(
    cluster: Cluster, break_: str
) -> None:
    own = RedisSettings(url=Secret(cluster.url()), timeout=DEADLINE_S)
    counters, answers = RedisCounters(own), RedisAnswers(own, "x")
    names = [f"n{number}" for number in range(30)]  # some on each node
    try:
        for name in names:
            assert await counted(counters, name) == 1
            await answers.put(name, name.encode(), tenant=TENANT, ttl_s=600)
        await asyncio.to_thread(cluster.settle)
        getattr(cluster.servers[0], break_)()
        assert min([await counted(counters, name) for name in names]) == 2
        found = await until_done(partial(answers.get_all, names, tenant=TENANT))
        assert found == [name.encode() for name in names]
        assert len((await until_done(answers.describe)).facts) == 3
        await until_done(answers.flush)
        assert await answers.get_all(names, tenant=TENANT) == [None] * 30
    finally:
        await counters.aclose()
        await answers.aclose()


async def until_refused(counters: RedisCounters) -> None:
    async with asyncio.timeout(PATIENT_S):
        while True:
            await counters.get("calls")


async def until_done(ask: Callable[[], Awaitable[T]]) -> T:
    """Ask until it is answered: the first may still be sent to who is dead."""
    async with asyncio.timeout(PATIENT_S):
        while True:
            try:
                return await ask()
            except DependencyError:
                await asyncio.sleep(0.02)
