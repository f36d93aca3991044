"""A call that waits at a deployment that hangs is answered by another."""

import asyncio
from typing import Any

import pytest
from tests.support.clock import FakeClock
from tests.support.deployments import route
from tests.support.pipelines import Rig, chat_deployment, collect, delta, whole
from tests.support.sender import Answer, ScriptedSender

from hx_gateway.core.errors import Stalled
from hx_gateway.core.http import Chunks, Response
from hx_gateway.core.receipt import Ending
from hx_gateway.pipeline.watchdog import Watchdog, fault_of
from hx_gateway.routing.health import Health, State

A, B = chat_deployment("a"), chat_deployment("b", order=1)
FOREVER = 3600.0


async def hanging(rig: Rig, **call: Any) -> "asyncio.Task[Response]":
    """Begin a call that `a` will not answer, while `b` is known to be quick."""
    rig.health.of(B).succeeded(rig.clock.monotonic(), 0.02, stream=bool(call.get("stream")))
    task = asyncio.ensure_future(rig.ask(**call))
    await asyncio.sleep(0.01)
    return task


def chunks(reply: Response) -> Chunks:
    assert reply.chunks is not None
    return reply.chunks


def look_after(rig: Rig, seconds: float) -> None:
    rig.clock.advance(seconds)
    rig.watchdog.look(rig.clock.monotonic())


async def test_a_hanging_deployment_is_left_and_another_answers() -> None:
    rig = Rig(
        ScriptedSender(a=[Answer(200, FOREVER)], b=[Answer(200, whole("b"))]), route("m", A, B)
    )
    task = await hanging(rig)
    look_after(rig, 1.0)
    await asyncio.sleep(0.01)
    assert not task.done()  # too early
    look_after(rig, 1.1)
    reply = await task
    assert b"b" in reply.body
    assert dict(reply.headers)[b"x-hx-attempts"] == b"upstream_stalled, answered"
    assert rig.health.of(A).state(rig.clock.monotonic()) is State.OPEN
    assert rig.health.of(A).in_flight == 0
    assert rig.sender.exchanges[0].closed
    assert rig.receipts.only.ending is Ending.COMPLETE


async def test_a_stream_moves_on_before_its_first_event_and_never_after() -> None:
    good = Answer(200, delta("good"), delta(finish="stop"), b"data: [DONE]\n\n")
    rig = Rig(ScriptedSender(a=[Answer(200, FOREVER)], b=[good]), route("m", A, B))
    task = await hanging(rig, stream=True)
    look_after(rig, 2.1)
    reply = await task
    assert b"good" in await collect(chunks(reply))
    rig = Rig(ScriptedSender(a=[Answer(200, delta("Hel"), FOREVER)], b=[good]), route("m", A, B))
    task = await hanging(rig, stream=True)
    reply = await task
    look_after(rig, 100.0)
    assert await anext(aiter(chunks(reply))) == delta("Hel")
    assert rig.sender.hosts == ["a"]
    await chunks(reply).aclose()


async def test_a_call_stays_where_it_is_when_nobody_else_can_be_asked() -> None:
    """Suspicion never ends a call: whoever waits may still be answered."""
    rig = Rig(ScriptedSender(a=[Answer(200, FOREVER)]), route("m", A))
    task = await hanging(rig)
    look_after(rig, 500.0)
    await asyncio.sleep(0.01)
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def crowd(rig: Rig, count: int) -> "list[asyncio.Task[Response]]":
    """Let many wait at `a`, and look; `b` has nothing left of its retry budget."""
    tasks = [await hanging(rig) for _ in range(count)]
    rig.health.of(B).retries.extend([rig.clock.monotonic() + 1.0] * 9)
    look_after(rig, 2.1)
    await asyncio.sleep(0.01)
    return tasks


def many(count: int) -> ScriptedSender:
    good = [Answer(200, whole("b")) for _ in range(count)]
    return ScriptedSender(a=[Answer(200, FOREVER) for _ in range(count)], b=good)


async def test_all_that_wait_are_answered_by_one_that_answers() -> None:
    """Those beyond its retry budget used to end with an error, only because they were moved on."""
    rig = Rig(many(12), route("m", A, B))
    replies = await asyncio.gather(*await crowd(rig, 12))
    assert [reply.status for reply in replies] == [200] * 12


async def test_nobody_is_moved_to_one_that_may_hang_as_well() -> None:
    rig = Rig(many(12), route("m", A, B))
    rig.health.of(B).in_flight = 1  # and not an answer since they wait
    tasks = await crowd(rig, 12)
    assert not any(task.done() for task in tasks)
    assert "b" not in rig.sender.hosts
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_no_more_are_moved_at_once_than_the_budget_has_left() -> None:
    rig = Rig(many(12), route("m", A, B))
    tasks = [await hanging(rig) for _ in range(12)]
    rig.health.of(B).in_flight = 1
    look_after(rig, 2.1)
    await asyncio.sleep(0.01)
    assert sum(task.done() for task in tasks) == 3
    assert all(not task.exception() for task in tasks if task.done())
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_switched_off_the_call_waits_on() -> None:
    """The control."""
    rig = Rig(
        ScriptedSender(a=[Answer(200, FOREVER)], b=[Answer(200, whole("b"))]), route("m", A, B)
    )
    rig.watchdog.stalls.patience_s = 0.0
    task = await hanging(rig)
    look_after(rig, 500.0)
    await asyncio.sleep(0.01)
    assert not task.done()
    task.cancel()


async def test_a_client_that_leaves_at_the_same_moment_is_gone() -> None:
    rig = Rig(
        ScriptedSender(a=[Answer(200, FOREVER)], b=[Answer(200, whole("b"))]), route("m", A, B)
    )
    task = await hanging(rig)
    look_after(rig, 2.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert rig.sender.hosts == ["a"]
    assert rig.receipts.only.ending is Ending.ABANDONED


class Yielding(FakeClock):
    """A clock whose sleep lets others work."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)
        self.advance(seconds)


async def test_it_looks_by_itself() -> None:
    clock = Yielding()
    looks: list[float] = []

    class Counting(Watchdog):
        def look(self, now: float) -> None:
            looks.append(now)

    watchdog = Counting(Health(), clock)
    running = asyncio.ensure_future(watchdog.run())
    for _ in range(20):
        await asyncio.sleep(0)
    running.cancel()
    assert len(looks) > 5


async def test_a_cancellation_that_is_not_ours_is_no_fault() -> None:
    assert fault_of(None) is None
    assert issubclass(Stalled, Exception)
