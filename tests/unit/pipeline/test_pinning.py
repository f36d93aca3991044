"""Who answered before, known to all processes that share counters."""

import asyncio

import msgspec
from tests.support.calls import ask
from tests.support.clock import FakeClock
from tests.support.deployments import deployment, route
from tests.support.pipelines import CALLER

from hx_gateway.core.call import Hints
from hx_gateway.core.errors import DependencyError
from hx_gateway.pipeline.pinning import Pinning
from hx_gateway.routing.pins import SESSION, PinRules, Pins
from hx_gateway.store.counters_process import ProcessCounters

A, B = deployment("a"), deployment("b")
M = route("m", A, B)
CALL = msgspec.structs.replace(ask(), hints=Hints(session="s"))


class Away(ProcessCounters):
    """Counters that do not answer."""

    async def put(self, name: str, value: bytes, ttl_s: float) -> None:
        raise DependencyError("Redis")

    async def take(self, name: str) -> bytes | None:
        raise DependencyError("Redis")


class Process:
    """One of several processes."""

    def __init__(self, counters: ProcessCounters, clock: FakeClock) -> None:
        self.clock = clock
        pins = Pins()
        self.rules = PinRules(pins=pins, affinities=frozenset({SESSION}))
        self.pinning = Pinning(pins, {"m": self.rules}, counters, clock)

    async def preferred(self) -> list[str]:
        await self.pinning.recall(M, CALL, CALLER)
        marks = self.rules.marks_of(CALL, M, CALLER.key_id)
        found = self.rules.prefer([A, B], marks, self.clock.monotonic())
        return [each.id for each in found]

    async def answered(self) -> None:
        marks = self.rules.marks_of(CALL, M, CALLER.key_id).marks
        self.rules.chosen(B, marks, self.clock.monotonic())
        for _ in range(5):
            await asyncio.sleep(0)  # others are told in a task of its own


async def test_another_process_knows_who_answered() -> None:
    clock = FakeClock()
    shared = ProcessCounters(clock)
    one, two = Process(shared, clock), Process(shared, clock)
    assert await two.preferred() == ["a", "b"]
    await one.answered()
    assert await two.preferred() == ["b"]
    clock.advance(3601.0)
    assert await two.preferred() == ["a", "b"]


async def test_counters_that_are_away_leave_each_process_its_own_notes() -> None:
    clock = FakeClock()
    one, two = Process(Away(clock), clock), Process(Away(clock), clock)
    await one.answered()
    assert (await one.preferred(), await two.preferred()) == (["b"], ["a", "b"])


async def test_a_route_without_affinity_asks_nobody() -> None:
    clock = FakeClock()
    await Process(Away(clock), clock).pinning.recall(route("other", A, B), CALL, CALLER)
