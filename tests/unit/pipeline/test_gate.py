"""The way of a call to a node: places, waiting, and giving the place back however it ends."""

import asyncio
from functools import partial
from typing import Any

import pytest
from tests.support.clock import FakeClock
from tests.support.deployments import deployment
from tests.support.fleets import awake, fleet_of, node, placed
from tests.support.pipelines import CALLER, Receipts

from hx_gateway.core import wire
from hx_gateway.core.call import Call, Operation
from hx_gateway.core.errors import NodeBusy, TimedOut, Unreachable, UpstreamError
from hx_gateway.core.http import Response
from hx_gateway.core.receipt import Ending
from hx_gateway.core.route import Deployment, Route
from hx_gateway.pipeline.gate import NodeGate
from hx_gateway.pipeline.record import Desk, Record
from hx_gateway.routing.plan import Plan, Try

GPU1, GPU2 = placed("gpu1"), placed("gpu2")
ROUTE = Route(name="m", deployments=(GPU1, GPU2))


class Scripted:
    """An attempter that does as it is told: answers, fails, or waits until it is let on."""

    is_plain = True

    def __init__(self) -> None:
        self.asked: list[Deployment] = []
        self.fault: UpstreamError | None = None
        self.let_on = asyncio.Event()
        self.let_on.set()

    async def attempt(
        self, call: Call, step: Try, record: Record, plan: Plan | None = None
    ) -> Response:
        self.asked.append(step.deployment)
        record.trying(step)
        await self.let_on.wait()
        if self.fault is not None:
            raise self.fault
        record.tried(0.0)
        if not call.stream:
            record.settle(Ending.COMPLETE, status=200)
        return Response(200, b"")


class Rig:
    """A gate to two nodes with one place each."""

    def __init__(self, **settings: Any) -> None:
        self.fleet = fleet_of(node("gpu1", parallel=1), node("gpu2", parallel=1), **settings)
        awake(self.fleet, "gpu1", "m", context=10)
        awake(self.fleet, "gpu2")
        self.looked_at: list[str] = []
        self.fleet.on_suspect = self.looked_at.append
        self.clock = FakeClock()
        self.attempter = Scripted()
        self.waits: list[tuple[str, float]] = []
        self.gate = NodeGate(
            self.attempter,
            self.fleet,
            self.clock,
            lambda name, seconds: self.waits.append((name, seconds)),
        )
        self.record = self.new_record()

    def new_record(self, *, text: str = "hi", stream: bool = False) -> Record:
        self.call = Call(
            id="call-1",
            operation=Operation.CHAT,
            dialect="openai_chat",
            model="m",
            fields=wire.decode_fields(
                wire.encode({"messages": [{"role": "user", "content": text}]})
            ),
            stream=stream,
        )
        self.record = Record(self.call, CALLER, Desk(self.clock, (Receipts(),)))
        return self.record

    async def ask(self, one: Deployment = GPU1, *queue: Deployment) -> Response:
        step = Try(deployment=one, route=ROUTE, queue=queue)
        return await self.gate.attempt(self.call, step, self.record)

    @property
    def in_flight(self) -> tuple[int, int]:
        return self.fleet.in_flight("gpu1"), self.fleet.in_flight("gpu2")

    def fill(self) -> Any:
        """Take the place at gpu1; gives what frees it."""
        return partial(self.fleet.take(GPU1, (), "other", 0.0).release, 0.0)


def header(response: Response, name: bytes) -> str | None:
    return next((value.decode() for key, value in response.headers if key == name), None)


async def test_a_whole_answer_names_its_node_and_frees_the_place() -> None:
    rig = Rig()
    response = await rig.ask()
    assert header(response, b"x-hx-node") == "gpu1; resident"
    assert rig.in_flight == (0, 0)
    assert rig.waits == [("gpu1", 0.0)]


async def test_a_stream_keeps_its_place_until_its_receipt() -> None:
    rig = Rig()
    rig.new_record(stream=True)
    await rig.ask()
    assert rig.in_flight == (1, 0)
    rig.record.settle(Ending.COMPLETE, status=200)
    assert rig.in_flight == (0, 0)
    assert rig.looked_at == []


async def test_a_stream_that_breaks_makes_its_node_suspect() -> None:
    rig = Rig()
    rig.new_record(stream=True)
    await rig.ask()
    rig.record.settle(Ending.BROKEN, status=200)
    assert (rig.in_flight, rig.looked_at) == ((0, 0), ["gpu1"])
    assert rig.fleet.sleeping((GPU1, GPU2)) == [GPU1]


@pytest.mark.parametrize(
    ("fault", "asleep", "looked_at"),
    [
        (Unreachable("No connection."), ["gpu1"], ["gpu1"]),
        (TimedOut("Late."), [], ["gpu1"]),
        (UpstreamError("Out of memory."), [], []),
    ],
)
async def test_a_fault_frees_the_place_and_tells_of_the_node(
    fault: UpstreamError, asleep: list[str], looked_at: list[str]
) -> None:
    rig = Rig()
    rig.attempter.fault = fault
    with pytest.raises(UpstreamError):
        await rig.ask()
    assert rig.in_flight == (0, 0)
    assert [each.node for each in rig.fleet.sleeping((GPU1, GPU2))] == asleep
    assert rig.looked_at == looked_at


async def test_a_full_node_is_waited_for_and_whoever_is_free_first_answers() -> None:
    rig = Rig()
    rig.fill()
    free = partial(rig.fleet.take(GPU2, (), "other", 0.0).release, 0.0)
    asked = asyncio.ensure_future(rig.ask(GPU1, GPU1, GPU2))
    await asyncio.sleep(0)
    assert rig.attempter.asked == []
    rig.clock.advance(1.5)
    free()
    response = await asked
    assert rig.attempter.asked == [GPU2]
    assert header(response, b"x-hx-node") == "gpu2; awake; waited 1.50 s behind 0"
    assert rig.waits == [("gpu2", 1.5)]


async def test_the_same_node_once_more_waits_as_well() -> None:
    rig = Rig()
    free = rig.fill()
    asked = asyncio.ensure_future(rig.ask(GPU1))
    await asyncio.sleep(0)
    assert rig.attempter.asked == []
    free()
    await asked
    assert rig.attempter.asked == [GPU1]


async def test_who_waits_too_long_is_told_to_come_again() -> None:
    rig = Rig(queue_timeout=0.01)
    rig.fill()
    with pytest.raises(NodeBusy) as busy:
        await rig.ask(GPU1, GPU1)
    assert busy.value.retry_after_s is not None
    assert (len(rig.fleet.line), rig.in_flight) == (0, (1, 0))


async def test_who_waits_for_a_node_that_falls_asleep_is_told_at_once() -> None:
    rig = Rig()
    rig.fill()
    asked = asyncio.ensure_future(rig.ask(GPU1, GPU1))
    await asyncio.sleep(0)
    rig.fleet.missed("gpu1", refused=True)
    with pytest.raises(Unreachable):
        await asked
    assert (len(rig.fleet.line), rig.in_flight) == (0, (1, 0))


async def test_a_client_that_leaves_while_it_waits_leaves_the_line() -> None:
    rig = Rig()
    free = rig.fill()
    asked = asyncio.ensure_future(rig.ask(GPU1, GPU1))
    await asyncio.sleep(0)
    assert len(rig.fleet.line) == 1
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    free()
    assert (len(rig.fleet.line), rig.in_flight) == (0, (0, 0))


async def test_a_client_that_leaves_just_when_its_turn_comes_gives_it_back() -> None:
    rig = Rig()
    free = rig.fill()
    asked = asyncio.ensure_future(rig.ask(GPU1, GPU1))
    await asyncio.sleep(0)
    free()
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert (rig.attempter.asked, rig.in_flight) == ([], (0, 0))


async def test_a_client_that_leaves_while_it_is_answered_frees_its_place() -> None:
    rig = Rig()
    rig.attempter.let_on.clear()
    asked = asyncio.ensure_future(rig.ask())
    await asyncio.sleep(0)
    assert rig.in_flight == (1, 0)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert rig.in_flight == (0, 0)


async def test_a_prompt_longer_than_the_window_is_warned_of_unless_that_is_off() -> None:
    rig = Rig()
    assert header(await rig.ask(), b"x-hx-warning") is None
    rig.new_record(text="word " * 100)
    warning = header(await rig.ask(), b"x-hx-warning")
    assert warning is not None
    assert "the window of the model is 10" in warning
    off = Rig(context="off")
    off.new_record(text="word " * 100)
    assert header(await off.ask(), b"x-hx-warning") is None


async def test_other_deployments_do_not_come_this_way() -> None:
    rig = Rig()
    response = await rig.ask(deployment("rented"))
    assert header(response, b"x-hx-node") is None
    assert rig.waits == []


def test_what_is_no_node_is_asked_as_plainly_as_without_nodes() -> None:
    rig = Rig()
    assert rig.gate.is_plain
    rig.attempter.is_plain = False
    assert not rig.gate.is_plain
