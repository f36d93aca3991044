"""A task of our own for requests: it begins at once, and goes on in the moment it is waited for.

`asyncio.Task` begins in the next round of the event loop, and goes on in the round after the one in
which its future was set. A request that waits once for its upstream pays for two more rounds, each
with a system call when the loop is otherwise idle. A `Run` pays for neither. It is a third-party
task in the sense of "Extending" in asyncio's documentation: what asyncio offers to tasks (time
limits, futures, locks, sleep) works in it. It has no context of its own: context variables
are not kept apart.
"""

import asyncio
from asyncio.tasks import _enter_task, _leave_task
from collections.abc import Coroutine, Generator
from typing import Any


class Run:
    """One coroutine under way. It must handle its own failures; nobody awaits it.

    Made outside of any task (in a protocol's callback). `cancel`, `cancelling` and `uncancel` are
    those of `asyncio.Task`.
    """

    __slots__ = ("_asked", "_coro", "_loop", "_must_cancel", "_scheduled", "_waits_for", "is_done")

    def __init__(self, coro: Coroutine[Any, Any, None], loop: asyncio.AbstractEventLoop) -> None:
        """Prepare; `begin` runs it to its first wait."""
        self._coro = coro
        self._loop = loop
        self._asked = 0
        self._must_cancel = False
        self._scheduled = False
        self._waits_for: asyncio.Future[Any] | Signal | None = None
        self.is_done = False

    def begin(self) -> None:
        """Run to the first wait or to the end: now, or as soon as no other task is running."""
        self.wake(None)

    def begin_later(self) -> None:
        """Run to the first wait in the next round of the loop, as a task does."""
        self._soon()

    def cancel(self, msg: object = None) -> bool:  # noqa: ARG002 - asyncio's signature
        """Let CancelledError be raised where it waits; False when it is over."""
        if self.is_done:
            return False
        self._asked += 1
        waits_for = self._waits_for
        if type(waits_for) is Signal:
            waits_for.leave()
            self._waits_for = None
            self._must_cancel = True
            self._soon()
        elif waits_for is None or not waits_for.cancel():  # type: ignore[union-attr]
            self._must_cancel = True
        return True

    def cancelling(self) -> int:
        """Count the requests to cancel that were not taken back."""
        return self._asked

    def uncancel(self) -> int:
        """Take one request to cancel back; gives how many are left."""
        if self._asked:
            self._asked -= 1
        return self._asked

    def wake(self, fault: Exception | None) -> None:
        """Go on, in this moment when no task is running, else as soon as none is."""
        self._waits_for = None
        if asyncio.current_task(self._loop) is None:
            self._step(fault)
        else:
            self._scheduled = True
            self._loop.call_soon(self._resume, fault)

    def _soon(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._resume, None)

    def _resume(self, fault: Exception | None) -> None:
        self._scheduled = False
        self._step(fault)

    def _wakeup(self, future: "asyncio.Future[Any]") -> None:
        self._waits_for = None
        try:
            future.result()
        except BaseException as fault:  # noqa: BLE001 - it is raised again, where it is waited for
            self._step(fault)
        else:
            self._step(None)

    def _step(self, fault: BaseException | None) -> None:
        if self.is_done:
            return
        if self._must_cancel:
            self._must_cancel = False
            if not isinstance(fault, asyncio.CancelledError):
                fault = asyncio.CancelledError()
        loop = self._loop
        _enter_task(loop, self)  # type: ignore[arg-type]
        try:
            waits_for = self._coro.send(None) if fault is None else self._coro.throw(fault)
        except (StopIteration, asyncio.CancelledError):
            self.is_done = True
        except BaseException:
            self.is_done = True
            raise
        else:
            if type(waits_for) is Signal and not self._must_cancel:
                self._waits_for = waits_for
            else:
                self._await(waits_for)
        finally:
            _leave_task(loop, self)  # type: ignore[arg-type]

    def _await(self, waits_for: Any) -> None:
        if type(waits_for) is Signal:
            self._waits_for = waits_for
        elif getattr(waits_for, "_asyncio_future_blocking", None):
            waits_for._asyncio_future_blocking = False  # noqa: SLF001 - the protocol of futures
            waits_for.add_done_callback(self._wakeup)
            self._waits_for = waits_for
            if self._must_cancel and waits_for.cancel():
                self._must_cancel = False
            return
        elif waits_for is None:  # asyncio.sleep(0)
            self._soon()
            return
        else:
            self._waits_for = None
            self._scheduled = True
            wrong = RuntimeError("a run can wait for futures and signals only")
            self._loop.call_soon(self._resume, wrong)
            return
        if self._must_cancel:
            waits_for.leave()
            self._waits_for = None
            self._soon()


class Signal:
    """Something that one waiter waits for, again and again; a protocol's callbacks fire it.

    In a `Run` it wakes at once; in any other task it is a future.
    """

    __slots__ = ("_future", "_loop", "_run")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Nobody waits."""
        self._loop = loop
        self._run: Run | None = None
        self._future: asyncio.Future[None] | None = None

    def __await__(self) -> Generator[Any, Any, None]:
        """Wait until it fires; raises what it fires with."""
        task: object = asyncio.current_task(self._loop)
        if type(task) is Run:
            self._run = task
            # Not a generator: a fault is thrown in by the run, so there is nothing to add.
            return iter((self,))  # type: ignore[return-value]
        self._future = self._loop.create_future()
        return self._future.__await__()

    def fire(self, fault: Exception | None = None) -> None:
        """Wake the waiter, if any, with a fault to raise if there is one."""
        run, self._run = self._run, None
        if run is not None:
            run.wake(fault)
            return
        future, self._future = self._future, None
        if future is None or future.done():
            return
        if fault is None:
            future.set_result(None)
        else:
            future.set_exception(fault)

    def leave(self) -> None:
        """Stop waiting."""
        self._run = None
