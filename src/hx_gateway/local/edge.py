"""The gateway's side of the embedded vector engine: `core.ports.Vectors` over a Unix socket."""

import asyncio
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import assert_never

import msgspec

from hx_gateway.core.errors import Conflict, DependencyError, NotFound
from hx_gateway.core.ports import Collection, Filter, Hit, Point
from hx_gateway.core.tasks import spawn
from hx_gateway.local import frames
from hx_gateway.local.frames import (
    Answer,
    Count,
    Create,
    Delete,
    Done,
    Find,
    Ping,
    Question,
    Refused,
    Search,
    Upsert,
)
from hx_gateway.rag.conditions import filter_json, within_tenant

_CODE = "vector_store_unavailable"
_DECODER = msgspec.msgpack.Decoder(Answer)


class EdgeVectors:
    """The engine in the child process. One connection, made at the first call and again when lost.

    Questions are sent as they come; answers come in the same order.
    """

    def __init__(self, socket: Path, timeout_s: float = 5.0, *, away: str | None = None) -> None:
        """`timeout_s` is for one question; `away` is what callers hear when nobody is there."""
        self._socket = socket
        self._away = away
        self._timeout_s = timeout_s
        self._line: _Line | None = None
        self._dialling = asyncio.Lock()

    async def collection(self, name: str) -> Collection | None:
        """See `Vectors`."""
        return (await self._ask(Find(name))).collection

    async def create(self, collection: Collection) -> None:
        """See `Vectors`; raises Conflict when the name is taken by another model or dimension."""
        await self._ask(Create(collection))

    async def upsert(self, name: str, points: Sequence[Point]) -> None:
        """See `Vectors`. Survives the death of any process; a loss of power after a second."""
        await self._ask(Upsert(name, list(points)))

    async def search(
        self,
        name: str,
        vector: Sequence[float],
        *,
        tenant: str,
        where: Filter,
        limit: int,
        score_threshold: float | None = None,
    ) -> list[Hit]:
        """See `Vectors`."""
        condition = within_tenant(tenant, where)
        return (await self._ask(Search(name, list(vector), condition, limit, score_threshold))).hits

    async def count(self, name: str, *, tenant: str, where: Filter) -> int:
        """See `Vectors`."""
        return (await self._ask(Count(name, within_tenant(tenant, where)))).count

    async def delete(self, name: str, *, tenant: str, where: Filter) -> int:
        """See `Vectors`."""
        return (await self._ask(Delete(name, within_tenant(tenant, where)))).count

    async def purge(self, name: str, *, where: Filter) -> int:
        """See `Vectors`."""
        return (await self._ask(Delete(name, filter_json(where)))).count

    async def ping(self) -> None:
        """See `Vectors`."""
        await self._ask(Ping())

    async def aclose(self) -> None:
        """Hang up."""
        if self._line is not None:
            self._line.close()

    async def _ask(self, question: Question) -> Done:
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await (await self._connected()).ask(question)
        except TimeoutError:
            # What hangs is not asked again on the same line: its late answers would pile up.
            await self.aclose()
            raise _fault("The vector store did not answer in time.", 504) from None
        except OSError:
            raise _fault(self._away, 503) from None
        match answer:
            case Done():
                return answer
            case Refused("conflict", message):
                raise Conflict(message, code="embedding_model_changed")
            case Refused("missing", message):
                raise NotFound(message)
            case Refused(_, message):
                raise _fault(message, 502)
            case _:
                assert_never(answer)

    async def _connected(self) -> "_Line":
        async with self._dialling:
            if self._line is None or self._line.is_closed:
                self._line = _Line(*await asyncio.open_unix_connection(self._socket))
            return self._line


class _Line:
    """One connection: who waits for which answer."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._waiting: deque[asyncio.Future[Answer]] = deque()
        self._listening = spawn(self._listen(), name="vector engine")
        self.is_closed = False

    async def ask(self, question: Question) -> Answer:
        """Send a question and wait for its answer; raises ConnectionError."""
        waiting: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        self._writer.write(frames.framed(question))
        return await waiting

    def close(self) -> None:
        """Hang up; who waits gets a ConnectionError."""
        self._listening.cancel()
        self._end()

    async def _listen(self) -> None:
        try:
            while True:
                answer = _DECODER.decode(await frames.receive(self._reader))
                waiting = self._waiting.popleft()
                if not waiting.done():  # who gave up is not there any more
                    waiting.set_result(answer)
        except (asyncio.IncompleteReadError, ConnectionError, msgspec.DecodeError):
            pass
        finally:
            self._end()

    def _end(self) -> None:
        self.is_closed = True
        self._writer.close()
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_exception(ConnectionResetError("the vector engine is gone"))


def _fault(message: str | None, status: int) -> DependencyError:
    return DependencyError("vector store", message, code=_CODE, type_=_CODE, status=status)
