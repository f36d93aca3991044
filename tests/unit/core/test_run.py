"""A run begins at once, goes on at once, and is a task to asyncio in between."""

import asyncio
from collections.abc import Awaitable, Callable, Generator

import pytest

from hx_gateway.core.run import Run, Signal


def start(work: Callable[[], Awaitable[None]]) -> Run:
    """Begin a run as a protocol's callback does: outside of any task."""
    loop = asyncio.get_running_loop()

    async def whole() -> None:
        await work()

    run = Run(whole(), loop)
    loop.call_soon(run.begin)
    return run


async def settle(run: Run) -> None:
    async with asyncio.timeout(30.0):
        while not run.is_done:  # noqa: ASYNC110 - a run tells nobody
            await asyncio.sleep(0)


async def test_it_begins_and_goes_on_in_the_callback_itself() -> None:
    loop = asyncio.get_running_loop()
    signal, seen = Signal(loop), []

    async def work() -> None:
        seen.append("began")
        await signal
        seen.append("went on")

    def callback() -> None:
        run = Run(work(), loop)
        run.begin()
        seen.append("begin returned")
        signal.fire()
        seen.append("fire returned")
        done.set_result(run)

    done: asyncio.Future[Run] = loop.create_future()
    loop.call_soon(callback)
    assert (await done).is_done
    assert seen == ["began", "begin returned", "went on", "fire returned"]


async def test_in_another_task_it_waits_for_its_turn() -> None:
    """Two tasks cannot be under way at once: asyncio would lose track of which is running."""
    loop = asyncio.get_running_loop()
    signal = Signal(loop)
    seen: list[bool] = []

    def note() -> None:
        current: object = asyncio.current_task()
        seen.append(current is run)

    async def work() -> None:
        note()
        await signal
        note()

    run = Run(work(), loop)
    run.begin()
    assert seen == []
    await asyncio.sleep(0)
    assert seen == [True]
    signal.fire()
    assert seen == [True]
    await settle(run)
    assert seen == [True, True]


async def test_a_fault_is_raised_where_it_waits() -> None:
    signal, seen = Signal(asyncio.get_running_loop()), []

    async def work() -> None:
        try:
            await signal
        except ValueError as fault:
            seen.append(str(fault))

    run = start(work)
    await asyncio.sleep(0)
    signal.fire(ValueError("broken"))
    await settle(run)
    assert seen == ["broken"]


@pytest.mark.parametrize("kind", ["signal", "future", "sleep", "not begun"])
async def test_it_is_cancelled_wherever_it_waits(kind: str) -> None:
    loop = asyncio.get_running_loop()
    signal, future = Signal(loop), loop.create_future()
    waits: dict[str, Callable[[], Awaitable[object]]] = {
        "signal": lambda: signal,
        "future": lambda: future,
        "sleep": lambda: asyncio.sleep(60),
    }
    seen: list[str] = []

    async def work() -> None:
        seen.append("began")
        try:
            await waits[kind]()
        finally:
            seen.append("ended")

    run = start(work)
    if kind != "not begun":
        await asyncio.sleep(0)
    assert run.cancel()
    signal.fire()  # too late: nobody waits any more
    await settle(run)
    assert seen == ([] if kind == "not begun" else ["began", "ended"])
    assert not run.cancel()


async def test_cancelled_while_it_runs_it_ends_at_its_next_wait() -> None:
    signal = Signal(asyncio.get_running_loop())
    seen: list[str] = []

    async def work() -> None:
        run.cancel()
        try:
            await signal
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    run = start(work)
    await settle(run)
    assert seen == ["cancelled"]


async def test_what_asyncio_offers_to_tasks_works() -> None:
    loop = asyncio.get_running_loop()
    signal, seen = Signal(loop), []

    async def work() -> None:
        await asyncio.sleep(0)
        await asyncio.sleep(0.001)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await signal
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(loop.create_future(), 0.001)
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(0))
        async with asyncio.Lock():
            seen.append("all")
        assert run.cancelling() == 0

    run = start(work)
    await settle(run)
    assert seen == ["all"]


async def test_what_is_no_future_is_an_error_where_it_is_awaited() -> None:
    class Odd:
        def __await__(self) -> Generator[int, None, None]:
            yield 7

    seen: list[str] = []

    async def work() -> None:
        try:
            await Odd()
        except RuntimeError:
            seen.append("refused")

    run = start(work)
    await settle(run)
    assert seen == ["refused"]


async def test_a_signal_wakes_an_ordinary_task_too() -> None:
    signal = Signal(asyncio.get_running_loop())

    async def work() -> str:
        await signal
        return "woken"

    task = asyncio.ensure_future(work())
    await asyncio.sleep(0)
    signal.fire()
    assert await task == "woken"
    task = asyncio.ensure_future(work())
    await asyncio.sleep(0)
    signal.fire(ValueError("broken"))
    with pytest.raises(ValueError, match="broken"):
        await task
    task = asyncio.ensure_future(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    signal.fire()  # nobody is there
