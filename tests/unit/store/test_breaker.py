"""A breaker lets calls through, refuses them, and finds out by itself when it is over."""

import asyncio

import pytest
from tests.support.clock import FakeClock, seeded

from hx_gateway.core.errors import DependencyError
from hx_gateway.store.breaker import Breaker, again


class Dependency:
    """Answers probes as it is told; each waits until the test lets it go."""

    def __init__(self) -> None:
        self.is_well = True
        self.asked = 0
        self.gate = asyncio.Event()

    async def probe(self) -> None:
        self.asked += 1
        await self.gate.wait()
        await asyncio.sleep(0)  # the clock of a test does not, and a probe always waits
        if not self.is_well:
            raise DependencyError("Redis", "still away", code="away")


def breaker(dependency: Dependency, clock: FakeClock, limit: int = 3) -> Breaker:
    return Breaker(
        dependency.probe, DependencyError("Redis"), clock=clock, random=seeded(), limit=limit
    )


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_calls_wait_for_the_first_answer() -> None:
    dependency = Dependency()
    made = breaker(dependency, FakeClock())
    call = asyncio.ensure_future(made.admit(10))
    await settle()
    assert not call.done()
    dependency.gate.set()
    await call
    await made.aclose()


async def test_the_wait_for_the_first_answer_ends() -> None:
    made = breaker(Dependency(), FakeClock())
    with pytest.raises(DependencyError):
        await made.admit(0)
    await made.aclose()


async def test_it_opens_at_the_limit_and_not_before() -> None:
    dependency = Dependency()
    dependency.gate.set()
    made = breaker(dependency, FakeClock(), limit=2)
    await made.admit(1)
    fault = DependencyError("Redis", "gone")
    dependency.gate.clear()
    made.failed(fault)
    await made.admit(1)
    made.succeeded()
    made.failed(fault)
    await made.admit(1)
    made.failed(fault)
    with pytest.raises(DependencyError, match="gone"):
        await made.admit(1)
    await made.aclose()


async def test_it_closes_when_a_probe_succeeds() -> None:
    dependency = Dependency()
    dependency.gate.set()
    dependency.is_well = False
    clock = FakeClock()
    made = breaker(dependency, clock)
    with pytest.raises(DependencyError, match="still away") as caught:
        await made.admit(1)
    assert caught.value.error_code == "away"
    await settle()
    dependency.is_well = True
    await settle()
    await made.admit(1)
    asked = dependency.asked
    await settle()
    assert dependency.asked == asked  # nothing is asked while it is closed
    assert 0 < min(clock.slept) < max(clock.slept) <= 1.0
    await made.aclose()


async def test_late_failures_do_not_start_a_second_prober() -> None:
    dependency = Dependency()
    dependency.gate.set()
    made = breaker(dependency, FakeClock(), limit=1)
    await made.admit(1)
    dependency.gate.clear()
    asked = dependency.asked
    for _ in range(5):
        made.failed(DependencyError("Redis"))
    await settle()
    assert dependency.asked == asked + 1
    await made.aclose()


def test_a_copy_says_the_same() -> None:
    error = DependencyError("Redis", "gone", code="c")
    copy = again(error)
    assert copy is not error
    assert (copy.role, copy.message, copy.error_code) == ("Redis", "gone", "c")
