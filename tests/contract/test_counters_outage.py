"""What only the counters in Valkey must keep to: outages and life times of the server."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import pytest
from tests.support.valkey import ValkeyServer

from hx_gateway.core.errors import DependencyError
from hx_gateway.core.secret import Secret
from hx_gateway.core.snapshot import RedisSettings
from hx_gateway.store.counters_redis import RedisCounters

DEADLINE_S = 0.3
SLACK_S = 5.0  # the machine may be busy
PATIENT_S = 30.0  # longer than anything takes that works


@pytest.fixture
def server(valkey: ValkeyServer) -> Iterator[ValkeyServer]:
    """The server, up again at the end whatever a test did to it."""
    yield valkey
    valkey.restart()


@pytest.fixture(params=[PATIENT_S])
async def own(request: pytest.FixtureRequest, valkey: ValkeyServer) -> AsyncIterator[RedisCounters]:
    made = RedisCounters(RedisSettings(url=Secret(valkey.url()), timeout=request.param))
    yield made
    await made.aclose()


async def healed(counters: RedisCounters, name: str) -> int:
    """Count until it is counted; gives the first number."""
    async with asyncio.timeout(PATIENT_S):
        while True:
            try:
                return await counters.add(name, 1, 60)
            except DependencyError:
                await asyncio.sleep(0.02)


async def refusal(counters: RedisCounters) -> float:
    """Count; gives the seconds until it was refused."""
    begun = time.monotonic()
    with pytest.raises(DependencyError) as caught:
        await counters.add("a", 1, 60)
    assert caught.value.role == "Redis"
    return time.monotonic() - begun


@pytest.mark.parametrize("own", [DEADLINE_S], indirect=True)
@pytest.mark.parametrize(("break_", "mend"), [("kill", "restart"), ("stop", "cont")])
async def test_an_outage_is_an_error_in_time_and_heals_by_itself(
    own: RedisCounters, server: ValkeyServer, break_: str, mend: str
) -> None:
    await healed(own, "before")
    getattr(server, break_)()
    assert max([await refusal(own) for _ in range(6)]) < DEADLINE_S + SLACK_S
    assert min([await refusal(own) for _ in range(5)]) < 0.05  # the breaker is open
    await asyncio.to_thread(getattr(server, mend))
    await healed(own, "after")


async def test_it_starts_before_the_server_does(server: ValkeyServer) -> None:
    server.kill()
    own = RedisCounters(RedisSettings(url=Secret(server.url()), timeout=DEADLINE_S))
    try:
        assert await refusal(own) < DEADLINE_S + SLACK_S
        await asyncio.to_thread(server.restart)
        assert await healed(own, "a") >= 1  # a call that came too late may have been counted
    finally:
        await own.aclose()


async def test_the_life_time_begins_with_the_first_addition(own: RedisCounters) -> None:
    assert await own.add("short", 1, 60) == 1
    assert await own.add("short", 1, 6000) == 2
    raw = own._link.redis
    (name,) = await raw.keys("hx:*short*")
    assert 0 < await raw.pttl(name) <= 60_000
    assert await own.add("gone", 1, 0.05) == 1
    await asyncio.sleep(0.1)
    assert await own.get("gone") == 0


async def test_no_counter_is_left_without_a_life_time(
    own: RedisCounters, valkey: ValkeyServer
) -> None:
    await asyncio.gather(*(own.add(f"n{number % 7}", 1, 60) for number in range(50)))
    await own.put("value", b"x", 60)
    raw = own._link.redis
    lives = [await raw.pttl(name) for name in await raw.keys("hx:*")]
    assert lives
    assert min(lives) > 0


@pytest.mark.parametrize("most", [1, 4])
async def test_no_more_connections_are_made_than_allowed(
    own: RedisCounters, valkey: ValkeyServer, most: int
) -> None:
    url = Secret(f"{valkey.url()}?client_name=few-{most}")
    few = RedisCounters(RedisSettings(url=url, timeout=PATIENT_S, max_connections=most))
    try:
        await asyncio.gather(*(few.add(f"few{number}", 1, 60) for number in range(100)))
        clients = await own._link.redis.client_list()
        named = [client for client in clients if client["name"] == f"few-{most}"]
        assert 1 <= len(named) <= most + 1  # one more for the probe
    finally:
        await few.aclose()


async def test_values_go_when_their_time_is_over(own: RedisCounters) -> None:
    await own.put("v", b"x", 0.1)
    await asyncio.sleep(0.2)
    assert await own.take("v") is None


async def test_closing_ends_even_when_the_server_hangs(server: ValkeyServer) -> None:
    own = RedisCounters(RedisSettings(url=Secret(server.url()), timeout=DEADLINE_S))
    await healed(own, "open")
    server.stop()
    await asyncio.wait_for(own.aclose(), 20)


async def test_the_settings_must_name_a_server() -> None:
    with pytest.raises(DependencyError):
        RedisCounters(RedisSettings())
