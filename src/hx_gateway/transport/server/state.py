"""What an edge and its connections share."""

from collections.abc import Callable
from typing import Protocol

from hx_gateway.core.clock import SystemClock
from hx_gateway.core.fast import Flight
from hx_gateway.core.http import Application
from hx_gateway.core.outbox import Outbox
from hx_gateway.core.run import Run
from hx_gateway.core.snapshot import ServerSettings
from hx_gateway.transport.server.encode import common_fields
from hx_gateway.transport.server.memory import HeadMemory

NEVER = float("inf")


OnRefusal = Callable[[int, str, bytes], None]  # status, code, request id: nothing a client sent


def _nobody(_status: int, _code: str, _id: bytes) -> None:
    pass


class Member(Protocol):
    """A connection as the edge sees it."""

    @property
    def is_fresh(self) -> bool:
        """Whether the first request is still awaited."""
        ...

    def check_deadlines(self, now: float) -> None:
        """Act on whatever takes too long; `now` is loop time."""
        ...

    def close_if_idle(self) -> None:
        """Close unless a request is coming or under way."""
        ...

    def expire(self) -> None:
        """End the request under way, if any."""
        ...

    def abort(self) -> None:
        """Close at once."""
        ...


class EdgeState:
    """The current application and settings, and everything that is under way.

    `common` is the ready-made part of every answer's head. `draining`: no connection is kept
    after its answer. `expired`: the drain is over, what still runs is being cancelled.
    """

    __slots__ = (
        "application", "clock", "common", "connections", "draining", "expired", "heads",
        "on_refusal", "outbox", "runs", "settings",
    )  # fmt: skip

    def __init__(self, application: Application, settings: ServerSettings) -> None:
        """Start empty."""
        self.application = application
        self.settings = settings
        self.heads = HeadMemory(settings)
        self.on_refusal: OnRefusal = _nobody
        self.clock = SystemClock()
        self.common = common_fields(self.clock.now())
        self.connections: set[Member] = set()
        self.outbox = Outbox()
        self.runs: set[Run | Flight] = set()  # also what keeps them alive
        self.draining = False
        self.expired = False
