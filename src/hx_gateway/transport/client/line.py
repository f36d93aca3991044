"""A line to one place of one upstream: requests that differ in their bodies, without a task."""

from collections.abc import Callable, Coroutine
from typing import Any, Protocol, cast

from hx_gateway.core.fast import Sent, Waiter
from hx_gateway.core.http import Deadlines
from hx_gateway.transport.client.connection import Connection
from hx_gateway.transport.client.exchange import Answer
from hx_gateway.transport.client.pool import Pool
from hx_gateway.transport.client.posting import PostingConnection, Wait


class Await(Protocol):
    """Waits for the head of an answer; the client does."""

    def __call__(self, connection: Connection, deadlines: Deadlines) -> Coroutine[Any, Any, Answer]:
        """Raise what stands in the way of an answer."""
        ...


class Line:
    """See `core.fast.Line`."""

    __slots__ = ("_await", "_head", "_take", "_wait")

    def __init__(self, pool: Pool, head: bytes, wait: Wait, await_: Await) -> None:
        """`head` ends before the fields that frame the body."""
        # All connections of a client are of this kind.
        self._take = cast("Callable[[], PostingConnection | None]", pool.take)
        self._head = head
        self._wait = wait
        self._await = await_

    def send(self, body: bytes, waiter: Waiter) -> PostingConnection | None:
        """See `core.fast.Line`."""
        connection = self._take()
        if connection is not None:
            data = b"%bContent-Length: %d\r\n\r\n%b" % (self._head, len(body), body)
            connection.post(data, self._wait, waiter)
        return connection

    def exchange(self, sent: Sent, deadlines: Deadlines) -> Coroutine[Any, Any, Answer]:
        """See `core.fast.Line`."""
        return self._await(cast("PostingConnection", sent), deadlines)
