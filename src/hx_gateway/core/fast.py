"""The fast path: an ordinary call has no run of its own until it is not ordinary any more.

A call that can be sent at once, and whose whole answer comes in one piece, is carried by plain
calls from callback to callback (decision 0019). These are the seams between those who do it.
"""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Protocol

from hx_gateway.core.http import Deadlines, Exchange
from hx_gateway.core.principal import Principal


class Waiter(Protocol):
    """Somebody who waits for an upstream."""

    def wake(self, fault: Exception | None) -> None:
        """Go on: something came, or it is known that nothing will (`fault`)."""
        ...


class Sent(Protocol):
    """A request that is out, on a connection of its own."""

    def whole(self) -> bytes | None:
        """Look at the body of a plain 200 answer that is all here; None for anything else."""
        ...

    def release(self) -> None:
        """End the exchange: its answer was read to the end."""
        ...

    def abort(self) -> None:
        """Drop the exchange, and its connection with it; safe to call twice."""
        ...


class Line(Protocol):
    """A way to send requests to one place that differ in their bodies only."""

    def send(self, body: bytes, waiter: Waiter) -> Sent | None:
        """Send on a connection that is free, and wake the waiter from then on; None: none is."""
        ...

    def exchange(self, sent: Sent, deadlines: Deadlines) -> Coroutine[Any, Any, Exchange]:
        """Wait for the answer as a `Sender` does, and raise what it raises."""
        ...


class Landing(Protocol):
    """Where the answer goes: the edge's side of one request."""

    def land(self, lines: bytes, body: bytes) -> None:
        """Answer 200; `lines` are the header lines."""
        ...

    def carry_on(self) -> None:
        """Let the application answer from here on, as it answers any other request."""
        ...


class Flight(Protocol):
    """A request that was sent on without a run.

    When it must have one after all, it is in the request when the application is asked.
    """

    def drop(self) -> None:
        """Give up what was sent, unless the application took it over."""
        ...


class FastPath(Protocol):
    """What is known of the requests with one head, such that most of them need no run."""

    def begin(self, body: bytes, landing: Landing) -> Flight | None:
        """Send a request on; None, and nothing has happened, when it is not an ordinary one."""
        ...


class Pass(Protocol):
    """A caller who was recognised by what a head says, and who will come again with it."""

    @property
    def principal(self) -> Principal:
        """Who that is."""
        ...

    @property
    def holds(self) -> Callable[[], bool]:
        """Says whether that is still true, as far as can be known without asking anybody."""
        ...


class Door(Protocol):
    """What an application gives a fast path: who calls, and how answers are called."""

    @property
    def max_body(self) -> int:
        """How many bytes a body may have."""
        ...

    @property
    def recognise(self) -> Callable[[], Pass | None]:
        """Recognises the caller without waiting; None when somebody has to be asked."""
        ...

    @property
    def next_id(self) -> Callable[[], str]:
        """Gives the next answer its id."""
        ...


MakeFast = Callable[[Mapping[bytes, bytes], Door], FastPath | None]
"""Makes the fast path of a head, given its fields; None where its requests are not ordinary."""
