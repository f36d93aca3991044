"""Writes that are made together, at the end of a round of the event loop.

A round brings many events at once when there is much to do. Written one by one, each answer wakes
its reader, who has gone to sleep again by the time the next one is written, and the way of each
request is taken with cold caches. Together they cost a third less (decision 0019).
"""

import asyncio
import logging
from typing import Protocol

_log = logging.getLogger(__name__)


class Transport(Protocol):
    """What is written to; an `asyncio.Transport` is one."""

    def write(self, data: bytes) -> None:
        """Send."""
        ...

    def is_closing(self) -> bool:
        """Whether nothing can be sent any more."""
        ...

    def abort(self) -> None:
        """Close at once."""
        ...


class Outbox:
    """What is written at the end of this round, in order.

    Whoever writes to one of these transports by itself, or closes it, has to `flush` before.
    """

    __slots__ = ("waiting",)

    def __init__(self) -> None:
        """Be empty."""
        self.waiting: list[tuple[Transport, bytes]] = []

    def put(self, transport: Transport, data: bytes) -> None:
        """Write soon. Called on the event loop."""
        if not self.waiting:
            asyncio.get_running_loop().call_soon(self.flush)
        self.waiting.append((transport, data))

    def flush(self) -> None:
        """Write what waits. A transport that has closed since then gets nothing."""
        waiting, self.waiting = self.waiting, []
        for transport, data in waiting:
            if transport.is_closing():
                continue
            try:
                transport.write(data)
            except Exception:  # noqa: BLE001 - the others must get theirs
                _log.exception("writing failed")
                transport.abort()
