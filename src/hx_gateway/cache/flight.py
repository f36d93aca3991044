"""One question under way: whoever asks the same meanwhile waits for its outcome."""

import asyncio

from hx_gateway.cache.entry import Found
from hx_gateway.core.errors import GatewayError


class Flight:
    """The wait for one answer.

    It ends once: with an answer for everybody, with a failure for everybody (which has been through
    all retries and fallbacks), or with nothing, when those who waited have to ask for themselves.
    """

    def __init__(self) -> None:
        """Nobody waits yet; needs a running event loop."""
        self.waiting = 0
        self.is_orphaned = False  # the client that began it is gone
        self._outcome: asyncio.Future[Found | GatewayError | None] = (
            asyncio.get_running_loop().create_future()
        )
        self._work: asyncio.Task[object] | None = None

    @property
    def is_over(self) -> bool:
        """Whether there is an outcome."""
        return self._outcome.done()

    def works(self, work: "asyncio.Task[object]") -> None:
        """Say what makes the answer: it is stopped when nobody is left who wants it."""
        self._work = work

    def land(self, found: Found | None) -> None:
        """End it with an answer, or with nothing to share."""
        if not self._outcome.done():
            self._outcome.set_result(found)

    def fail(self, error: GatewayError) -> None:
        """End it with a failure."""
        if not self._outcome.done():
            self._outcome.set_result(error)

    async def wait(self, limit_s: float) -> Found | None:
        """Wait for the outcome; None when there is nothing to share, or not in time.

        Raises the GatewayError that it failed with.
        """
        self.waiting += 1
        try:
            async with asyncio.timeout(limit_s):
                outcome = await asyncio.shield(self._outcome)
        except TimeoutError:
            return None
        finally:
            self.waiting -= 1
            self.stop_if_unwanted()
        if isinstance(outcome, GatewayError):
            # Raised many times, it would collect the traceback of each.
            raise outcome.with_traceback(None)
        return outcome

    def leave(self) -> None:
        """Say that the client which began it is gone; the work goes on for those who wait."""
        self.is_orphaned = True
        self.stop_if_unwanted()

    def stop_if_unwanted(self) -> None:
        """Stop the work when nobody is left."""
        if self.is_orphaned and not self.waiting and not self.is_over and self._work is not None:
            self._work.cancel()
