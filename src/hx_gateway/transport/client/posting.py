"""A connection to an upstream that can also be driven without a task (decision 0019)."""

import msgspec

from hx_gateway.core.fast import Waiter
from hx_gateway.core.outbox import Outbox
from hx_gateway.transport.client.connection import NEVER, Connection, Owner
from hx_gateway.transport.client.limits import ClientLimits


class Wait(msgspec.Struct, frozen=True):
    """How long to wait for the head of an answer, and for all of it, in seconds.

    `late` is what a TimedOut says when the head does not come.
    """

    first_byte: float
    total: float | None
    late: str


class PostingConnection(Connection):
    """A `Sent`: between `post` and what comes of it, a waiter is woken in place of a task.

    It is woken once; whoever goes on from there drives the connection as any other.
    """

    __slots__ = ("_outbox", "_waiter")

    def __init__(
        self, owner: Owner, limits: ClientLimits, scratch: memoryview, outbox: Outbox
    ) -> None:
        """See `Connection`. What is posted leaves by the outbox, which all of a client share."""
        self._waiter: Waiter | None = None
        self._outbox = outbox
        super().__init__(owner, limits, scratch)

    def post(self, data: bytes, wait: Wait, waiter: Waiter) -> None:
        """Begin an exchange whose whole request is `data`, and wake `waiter` once."""
        now = self._loop.time()
        total_at = NEVER if wait.total is None else now + wait.total
        self.begin(total_at)
        if self._transport is not None:
            self._outbox.put(self._transport, data)
        self.sent = True
        self._waiter = waiter
        self._watch(min(now + wait.first_byte, total_at), wait.late)

    def whole(self) -> bytes | None:
        """Look at the body of a plain 200 answer that is all here; None for anything else.

        It stays to be taken: whoever is content with it calls `release`.
        """
        parts = self._parts
        if (
            not self.complete
            or self.fault is not None
            or self.status != 200
            or self._shape.coding is not None
            or self.unread > self._limits.max_body
        ):
            return None
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is None:
            super()._wake()
            return
        self._waiter = None
        self._deadline = self._total_at
        waiter.wake(self.fault)
