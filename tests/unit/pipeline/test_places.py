"""Whoever comes when all places are taken waits, in order, and not for ever."""

import asyncio

import pytest
from tests.support.clock import FakeClock
from tests.support.deployments import deployment, route
from tests.support.pipelines import Rig, chat_deployment, whole
from tests.support.sender import Answer, ScriptedSender

from hx_gateway.core.call import Wishes
from hx_gateway.core.errors import Exhausted, Overloaded, UpstreamError
from hx_gateway.pipeline.places import wait_for_place
from hx_gateway.routing.vitals import Vitals

ONE = deployment("one", max_parallel=1)
NOW = 100.0


def busy(clock: FakeClock) -> Vitals:
    vitals = Vitals()
    vitals.begin(clock.monotonic())
    return vitals


async def test_a_free_place_is_not_waited_for() -> None:
    clock = FakeClock()
    await wait_for_place(ONE, Vitals(), clock, clock.monotonic() + 1.0)
    await wait_for_place(deployment("any"), busy(clock), clock, clock.monotonic() + 1.0)


async def test_those_who_wait_come_in_order() -> None:
    clock, came = FakeClock(), []
    vitals = busy(clock)

    async def come(name: str) -> None:
        await wait_for_place(ONE, vitals, clock, clock.monotonic() + 60.0)
        vitals.begin(clock.monotonic())
        came.append(name)

    tasks = [asyncio.ensure_future(come(name)) for name in "abc"]
    await asyncio.sleep(0)
    for _ in "abc":
        vitals.release()
        await asyncio.sleep(0.01)
        assert vitals.in_flight == 1
    assert came == ["a", "b", "c"]
    await asyncio.gather(*tasks)


async def test_the_lowest_priority_comes_first_and_equals_in_order() -> None:
    clock, came = FakeClock(), []
    vitals = busy(clock)

    async def come(name: str, priority: int) -> None:
        await wait_for_place(ONE, vitals, clock, clock.monotonic() + 60.0, priority)
        vitals.begin(clock.monotonic())
        came.append(name)

    wanted = [("late", 9), ("first", 0), ("then", 1), ("also", 1)]
    tasks = [asyncio.ensure_future(come(*each)) for each in wanted]
    await asyncio.sleep(0)
    for _ in wanted:
        vitals.release()
        await asyncio.sleep(0.01)
    assert came == ["first", "then", "also", "late"]
    await asyncio.gather(*tasks)


@pytest.mark.parametrize(
    ("default", "wished", "priority"), [(0, None, 0), (5, None, 5), (5, 0, 0), (0, 7, 7)]
)
async def test_a_call_waits_with_its_own_priority_else_the_usual_one(
    default: int, wished: int | None, priority: int
) -> None:
    """Also at the only deployment of a model, which needs no plan otherwise."""
    lone = chat_deployment("lone", max_parallel=1)
    rig = Rig(
        ScriptedSender(lone=[Answer(200, whole("x"))]), route("m", lone), default_priority=default
    )
    vitals = rig.health.of(lone)
    vitals.begin(rig.clock.monotonic())
    wishes = None if wished is None else Wishes(priority=wished)
    task = asyncio.ensure_future(rig.ask(wishes=wishes))
    await asyncio.sleep(0.01)
    assert [each[0] for each in vitals.queue] == [priority]
    vitals.release()
    assert (await task).status == 200


async def test_a_newcomer_stands_behind_those_who_wait() -> None:
    clock, came = FakeClock(), []
    vitals = busy(clock)

    async def come(name: str) -> None:
        await wait_for_place(ONE, vitals, clock, clock.monotonic() + 60.0)
        vitals.begin(clock.monotonic())
        came.append(name)

    first = asyncio.ensure_future(come("first"))
    await asyncio.sleep(0)
    vitals.release()
    second = asyncio.ensure_future(come("second"))
    await asyncio.sleep(0.01)
    assert came == ["first"]
    vitals.release()
    await asyncio.gather(first, second)


async def test_a_turn_given_to_somebody_who_left_goes_to_the_next() -> None:
    clock = FakeClock()
    vitals = busy(clock)
    until = clock.monotonic() + 60.0
    first = asyncio.ensure_future(wait_for_place(ONE, vitals, clock, until))
    second = asyncio.ensure_future(wait_for_place(ONE, vitals, clock, until))
    await asyncio.sleep(0)
    vitals.release()  # the turn is the first's ...
    first.cancel()  # ... who leaves in the same moment
    await asyncio.wait_for(second, 30.0)


async def test_nobody_waits_longer_than_the_call_may_take() -> None:
    clock = FakeClock()
    with pytest.raises(Exhausted) as caught:
        await wait_for_place(ONE, busy(clock), clock, clock.monotonic() + 0.01)
    assert (caught.value.http_status, caught.value.retry_after_s) == (429, 1.0)


async def test_calls_beyond_the_places_are_answered_one_after_the_other() -> None:
    narrow = chat_deployment("a", max_parallel=2)
    most = 0

    class Watching(ScriptedSender):
        async def send(self, *args):  # type: ignore[no-untyped-def]
            nonlocal most
            most = max(most, rig.health.of(narrow).in_flight)
            await asyncio.sleep(0.005)
            return await super().send(*args)

    rig = Rig(Watching(a=[Answer(200, whole("x"))] * 10), route("m", narrow))
    answers = await asyncio.gather(*(rig.ask() for _ in range(8)))
    assert len(answers) == 8
    assert most == 2
    assert rig.health.of(narrow).in_flight == 0


@pytest.mark.parametrize("fault", [Overloaded("busy")])
async def test_a_failed_call_gives_its_place_back(fault: UpstreamError) -> None:
    narrow = chat_deployment("a", max_parallel=1)
    rig = Rig(ScriptedSender(a=[fault, Answer(200, whole("x"))]), route("m", narrow))
    with pytest.raises(type(fault)):
        await rig.ask(wishes=Wishes(retries=0))
    await asyncio.wait_for(rig.ask(), 30.0)
