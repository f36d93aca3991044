"""What processes tell each other of upstreams, and what becomes of it when they cannot."""

import asyncio

from tests.support.board import MemoryBoard
from tests.support.clock import FakeClock
from tests.support.deployments import deployment
from tests.support.fleets import fleet_of, node, placed
from tests.support.served import until

from hx_gateway.core.errors import Overloaded, Unreachable
from hx_gateway.pipeline.hearsay import Hearsay
from hx_gateway.routing.health import Health
from hx_gateway.routing.hearsay import PLACE_S, Refusals, Sharing

A = deployment("a")
BUSY = Overloaded("busy", upstream_status=429, retry_after_s=30.0)
GPU = placed("gpu")


class Process:
    """One process of several: what it knows, and what it hears."""

    def __init__(
        self, board: MemoryBoard, clock: FakeClock, name: str, machine: str = "machine"
    ) -> None:
        self.clock = clock
        self.health = Health()
        self.fleet = fleet_of(node("gpu", parallel=4))
        self.refusals = Refusals(self.health, machine)
        self.refusals.deployments = {"a": A}
        sharing = Sharing(self.fleet, name, machine)
        self.hearsay = Hearsay(board, self.refusals, sharing, clock)
        self.health.on_refused, self.health.on_lost = self.hearsay.refused, self.hearsay.lost

    def is_usable(self) -> bool:
        return self.health.is_usable(A, self.clock.monotonic())

    def fails(self, fault: Overloaded | Unreachable = BUSY) -> None:
        self.health.failed(A, self.clock.monotonic(), fault, alone=False)

    def answers(self) -> None:
        self.health.of(A).succeeded(self.clock.monotonic(), 0.1)

    async def looks(self) -> None:
        await self.hearsay.exchange()


def processes(count: int = 2) -> tuple[FakeClock, MemoryBoard, list[Process]]:
    clock = FakeClock()
    board = MemoryBoard(clock)
    return clock, board, [Process(board, clock, f"p{n}") for n in range(count)]


async def test_what_refused_one_is_left_alone_by_all_until_the_same_moment() -> None:
    clock, _, (one, other) = processes()
    one.fails()
    clock.advance(0.4)
    assert other.is_usable()  # the control: nobody has said anything yet
    await one.looks()
    clock.advance(0.3)
    await other.looks()
    assert not other.is_usable()
    clock.advance(29.2)
    assert not other.is_usable()
    clock.advance(0.2)
    assert one.is_usable()
    assert other.is_usable()


async def test_a_connection_that_fails_is_told_on_the_same_machine_only() -> None:
    clock, board, (one, other) = processes()
    elsewhere = Process(board, clock, "p9", machine="another")
    for _ in range(3):
        one.fails(Unreachable("down"))
    for process in (one, other, elsewhere):
        await process.looks()
    assert [each.is_usable() for each in (one, other, elsewhere)] == [False, False, True]


async def test_an_answer_is_told_too_and_the_others_try_again() -> None:
    _clock, _, (one, other) = processes()
    one.fails()
    await one.looks()
    await other.looks()
    one.answers()  # of a call that was under way
    await one.looks()
    assert not other.is_usable()
    await other.looks()
    assert other.is_usable()
    assert not other.health.is_closed(A)  # the next call finds out


async def test_what_a_process_found_out_by_itself_is_not_undone_by_others() -> None:
    _, _, (one, other) = processes()
    one.fails()
    await one.looks()
    await other.looks()
    other.fails(Overloaded("busy", upstream_status=429, retry_after_s=60.0))
    one.answers()
    await one.looks()
    await other.looks()
    assert not other.is_usable()


async def test_whoever_was_answered_since_does_not_believe_it() -> None:
    clock, _, (one, other) = processes()
    one.fails()
    await one.looks()
    clock.advance(0.1)
    other.answers()
    clock.advance(0.1)
    await other.looks()
    assert other.is_usable()


async def test_while_the_board_is_away_each_goes_by_what_it_knows_and_tells_it_later() -> None:
    clock, board, (one, other) = processes()
    board.is_away = True
    one.fails()
    await one.looks()
    await other.looks()
    assert (one.is_usable(), other.is_usable()) == (False, True)
    board.is_away = False
    clock.advance(10.0)
    await one.looks()
    await other.looks()
    assert not other.is_usable()
    clock.advance(20.1)  # thirty seconds after it happened, not after it was told
    assert other.is_usable()


async def test_what_is_no_longer_configured_is_nobodys_business() -> None:
    _, board, (one, other) = processes()
    one.fails()
    await one.looks()
    other.refusals.deployments = {}
    await other.looks()
    assert other.is_usable()
    one.refusals.deployments = {}
    await one.looks()
    assert await board.exchange({}, ()) == []  # nor is it told of any longer


async def test_places_at_a_node_are_shared_by_those_who_have_calls_there() -> None:
    _clock, _board, (one, other) = processes()
    for _ in range(2):
        one.fleet.take(GPU, (), "key", 0.0)
    await one.looks()
    assert one.fleet.is_free(GPU, 0.0)  # alone it has all four
    turns = [other.fleet.take(GPU, (), "key", 0.0) for _ in range(2)]
    assert other.fleet.is_free(GPU, 0.0)  # the control: it has not heard of the other yet
    await other.looks()
    await one.looks()
    assert not one.fleet.is_free(GPU, 0.0)
    assert not other.fleet.is_free(GPU, 0.0)
    for turn in turns:
        turn.release(0.0)
    await other.looks()
    await one.looks()
    assert one.fleet.is_free(GPU, 0.0)


async def test_who_has_died_or_cannot_be_heard_holds_no_places() -> None:
    clock, board, (one, other) = processes()
    for process in (one, other):
        for _ in range(2):
            process.fleet.take(GPU, (), "key", 0.0)
        await process.looks()
    await one.looks()
    assert not one.fleet.is_free(GPU, 0.0)
    clock.advance(PLACE_S)
    await one.looks()
    assert one.fleet.is_free(GPU, 0.0)
    await other.looks()
    await one.looks()
    assert not one.fleet.is_free(GPU, 0.0)
    board.is_away = True
    await one.looks()
    assert one.fleet.is_free(GPU, 0.0)


async def test_nothing_to_tell_is_one_question() -> None:
    _, board, (one, *_) = processes()
    await one.looks()
    assert board.exchanges == 1


async def test_what_happens_is_told_at_once_and_the_task_goes_on_without_a_board() -> None:
    _, board, (one, *_) = processes()
    board.is_away = True
    task = asyncio.ensure_future(one.hearsay.run())
    try:
        one.fails()
        await until(lambda: board.exchanges >= 2, 30.0, "it looks again and again")
        board.is_away = False
        await until(lambda: bool(board.names), 30.0, "it is told")
    finally:
        task.cancel()
