"""Read answers on whose client has left, where the configuration wants their exact usage.

Only deployments with `on_disconnect: drain(...)` come here; the others are cancelled at once.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from hx_gateway.core.errors import GatewayError
from hx_gateway.core.http import Chunks, Response
from hx_gateway.core.receipt import Ending
from hx_gateway.core.tasks import spawn
from hx_gateway.pipeline.record import Record
from hx_gateway.pipeline.reply import Reply

LIMIT = 256
_LEFT = 499  # nginx's status for a client that left before its answer


class Drainer:
    """Answers that are read on in the background, at most `limit` of them, for a bounded time.

    `counts` are how they ended: `complete`, `broken`, `late` (their time was over), `refused` (no
    room, so cancelled at once) and `stopped` (by the end of the gateway).
    """

    def __init__(self, limit: int = LIMIT) -> None:
        """Nothing is read yet."""
        self._limit = limit
        self._tasks: set[asyncio.Task[None]] = set()
        self._counts: Counter[str] = Counter()

    @property
    def live(self) -> int:
        """How many are being read."""
        return len(self._tasks)

    @property
    def counts(self) -> Mapping[str, int]:
        """How those that are over ended."""
        return self._counts

    async def outlive(
        self,
        work: Coroutine[Any, Any, Response],
        record: Record,
        seconds: float,
        can_go_on: Callable[[], bool] | None = None,
    ) -> Response:
        """Do what gives an answer; when the client leaves meanwhile or later, read it on.

        `can_go_on` says whether the work needs the client no more. Sounds are not read on: they
        say nothing of what they cost.
        """
        task = asyncio.ensure_future(work)
        try:
            response = await asyncio.shield(task)
        except asyncio.CancelledError:
            if (can_go_on is not None and not can_go_on()) or not self._has_room():
                task.cancel()
                await asyncio.wait((task,))
                raise
            record.leave(_LEFT)
            self._read_on(_wait(task), record, seconds)
            raise
        if isinstance(response.chunks, Reply):
            response.chunks = Lasting(response.chunks, record, self, seconds)
        return response

    def adopt(self, chunks: Chunks, record: Record, seconds: float) -> bool:
        """Read a stream on whose client has left; False when there is no room."""
        if not self._has_room():
            return False
        record.leave(200)
        self._read_on(_exhaust(chunks), record, seconds)
        return True

    async def aclose(self) -> None:
        """End all that is being read, with the usage seen so far; take nothing more."""
        self._limit = 0
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _has_room(self) -> bool:
        if len(self._tasks) < self._limit:
            return True
        self._counts["refused"] += 1
        return False

    def _read_on(self, reading: Coroutine[Any, Any, None], record: Record, seconds: float) -> None:
        task = spawn(self._settle(reading, record, seconds), name="drain")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _settle(
        self, reading: Coroutine[Any, Any, None], record: Record, seconds: float
    ) -> None:
        how = "stopped"
        try:
            async with asyncio.timeout(seconds):
                await reading
            how = "complete" if record.usage and not record.is_estimated else "broken"
        except TimeoutError:
            how = "late"
        except GatewayError:
            how = "broken"
        finally:
            self._counts[how] += 1
            record.settle(Ending.ABANDONED, status=_LEFT)


class Lasting:
    """A stream that is read on when it is closed before its end."""

    def __init__(self, chunks: Chunks, record: Record, drainer: Drainer, seconds: float) -> None:
        """Pass `chunks` through."""
        self._chunks = chunks
        self._record = record
        self._drainer = drainer
        self._seconds = seconds

    def __aiter__(self) -> "Lasting":
        """Iterate over itself."""
        return self

    async def __anext__(self) -> bytes:
        """Give the next bytes."""
        return await anext(aiter(self._chunks))

    def last_words(self) -> bytes:
        """Give the event that ends it when the gateway stops."""
        words = getattr(self._chunks, "last_words", None)
        return b"" if words is None else bytes(words())

    async def aclose(self) -> None:
        """Let it be read on, or end it; safe to call twice."""
        if self._record.is_settled or self._record.is_left:
            return
        if not self._drainer.adopt(self._chunks, self._record, self._seconds):
            await self._chunks.aclose()


async def _wait(task: "asyncio.Task[Response]") -> None:
    response = await task
    if isinstance(response.chunks, Reply):
        await _exhaust(response.chunks)
    elif response.chunks is not None:
        await response.chunks.aclose()


async def _exhaust(chunks: Chunks) -> None:
    try:
        async for _ in chunks:
            pass
    finally:
        await chunks.aclose()
