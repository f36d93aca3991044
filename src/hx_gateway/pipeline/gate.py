"""The way of a call to a node: wait for a place there, hold it until the answer is over.

What decides is in `routing/fleet.py`; here is what waits. Other deployments are
asked at once.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial

import msgspec

from hx_gateway.core.call import Call
from hx_gateway.core.clock import Clock
from hx_gateway.core.errors import Garbled, Interrupted, TimedOut, Unreachable
from hx_gateway.core.http import Header, Response
from hx_gateway.core.receipt import Ending
from hx_gateway.pipeline.handle import Attempts
from hx_gateway.pipeline.record import Record
from hx_gateway.routing.estimate import estimate_tokens
from hx_gateway.routing.fleet import Fleet, Turn
from hx_gateway.routing.plan import NEVER, Plan, Try

_log = logging.getLogger(__name__)
# Faults of a node that has gone away; one that is only slow is looked at, not left.
_GONE = (Unreachable, Garbled, Interrupted)


class Wait(msgspec.Struct, frozen=True):
    """How long a call waited, and behind how many others."""

    seconds: float = 0.0
    behind: int = 0


class NodeGate:
    """Lets calls to nodes, as many as each works on at once. `on_wait` is told who waited."""

    def __init__(
        self,
        attempter: Attempts,
        fleet: Fleet,
        clock: Clock,
        on_wait: Callable[[str, float], None],
    ) -> None:
        """Put the parts together; all of them outlive a call."""
        self._attempter = attempter
        self._fleet = fleet
        self._clock = clock
        self._on_wait = on_wait

    @property
    def is_plain(self) -> bool:
        """See `Attempts`: of what is no node nothing is known here."""
        return self._attempter.is_plain

    def attempt(
        self, call: Call, step: Try, record: Record, plan: Plan | None = None
    ) -> Awaitable[Response]:
        """Ask a deployment, on a node once there is a place; raises as an attempter does."""
        if step.deployment.node is None:
            return self._attempter.attempt(call, step, record, plan)
        return self._enter(call, step, record, plan)

    async def _enter(self, call: Call, step: Try, record: Record, plan: Plan | None) -> Response:
        turn, wait = await self._turn(step, record.principal.key_id, plan)
        self._on_wait(turn.place[0], wait.seconds)
        if turn.deployment is not step.deployment:
            step = msgspec.structs.replace(step, deployment=turn.deployment)
            if plan is not None:
                plan.moved(turn.deployment)
        # The receipt is the one moment that every call has, however it ends.
        record.on_end = partial(self._ended, turn, record)
        try:
            response = await self._attempter.attempt(call, step, record, plan)
        except BaseException as error:
            self._failed(turn, record, error)
            raise
        if call.stream:
            turn.answered(self._clock.monotonic(), stream=True)
        response.headers.append(_named(turn, wait))
        response.headers += self._warnings(call, turn)
        return response

    async def _turn(self, step: Try, key: str, plan: Plan | None) -> tuple[Turn, Wait]:
        deadline, priority = (NEVER, 0) if plan is None else (plan.deadline, plan.priority)
        now = self._clock.monotonic()
        everybody = step.route.deployments
        queue = step.queue
        if not queue:
            if self._fleet.is_free(step.deployment, now):
                return self._fleet.take(step.deployment, everybody, key, now), Wait()
            queue = (step.deployment,)  # the same one once more, and it is taken by now
        come: asyncio.Future[Turn] = asyncio.get_running_loop().create_future()
        wanted = (*queue, *self._fleet.sleeping(everybody))
        waiting = self._fleet.line_up(wanted, key, come, now, priority)
        behind = self._fleet.line.ahead(waiting)
        limit_s = min(self._fleet.settings.queue_timeout, deadline - now)
        try:
            async with asyncio.timeout(limit_s):
                turn = await come
        except BaseException as error:
            if come.done() and not come.cancelled() and come.exception() is None:
                come.result().release(self._clock.monotonic())
            if isinstance(error, TimeoutError):
                raise self._fleet.busy(limit_s) from None
            raise
        finally:
            self._fleet.leave(waiting)
        return turn, Wait(self._clock.monotonic() - now, behind)

    def _ended(self, turn: Turn, record: Record, ending: Ending) -> None:
        now = self._clock.monotonic()
        if record.first_byte_s is not None:
            turn.answered(now, stream=False)
        turn.release(now)
        if ending is Ending.BROKEN:
            self._fleet.suspect(turn.place[0])

    def _failed(self, turn: Turn, record: Record, error: BaseException) -> None:
        if isinstance(error, asyncio.CancelledError) and record.is_left:
            return  # the answer is read on without its client, and keeps its place
        record.on_end = None
        turn.release(self._clock.monotonic())
        if isinstance(error, _GONE):
            self._fleet.suspect(turn.place[0])
        elif isinstance(error, TimedOut):
            self._fleet.on_suspect(turn.place[0])

    def _warnings(self, call: Call, turn: Turn) -> list[Header]:
        """Say when the prompt is longer than the window: the node cuts it without a word."""
        window = self._fleet.window(turn.deployment, call.fields)
        if window is None or self._fleet.settings.context == "off":
            return []
        tokens = estimate_tokens(call.fields)
        if tokens <= window.tokens:
            return []
        text = (
            f"the prompt has about {tokens} tokens and the window of the model is "
            f"{window.tokens}: its beginning may have been cut off"
        )
        _log.warning("call %s at node %s: %s", call.id, turn.place[0], text)
        return [(b"x-hx-warning", text.encode())]


def _named(turn: Turn, wait: Wait) -> Header:
    text = f"{turn.place[0]}; {turn.reason}"
    if wait.seconds:
        text += f"; waited {wait.seconds:.2f} s behind {wait.behind}"
    return (b"x-hx-node", text.encode("latin-1", "replace"))
