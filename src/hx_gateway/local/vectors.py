"""The child process of the embedded vector engine.

Run as `python -m hx_gateway.local.vectors --socket PATH --folder PATH`.
"""

import asyncio
import logging
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from hx_gateway.core.errors import Conflict, NotFound
from hx_gateway.local import child, frames
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
from hx_gateway.transport.server.listen import bind_unix

if TYPE_CHECKING:
    from hx_gateway.local.shards import Shards

_log = logging.getLogger(__name__)
_IDLE_S = 1.0  # after so long without a write, what was written is flushed to the disk


class VectorServer:
    """Answers the gateway's questions one by one, as the engine can only do one at a time."""

    def __init__(self, folder: Path) -> None:
        """Nothing is opened yet."""
        self._folder = folder
        self._shards: Shards | None = None
        self._loaded = asyncio.Event()
        self._flush: asyncio.TimerHandle | None = None
        self._decoder = msgspec.msgpack.Decoder(Question)

    async def load(self) -> None:
        """Open the collections."""
        # Imported here: the socket answers while the library is still loading.
        from hx_gateway.local.shards import Shards  # noqa: PLC0415

        self._shards = Shards(self._folder)
        self._loaded.set()

    def close(self) -> None:
        """Flush and close the collections."""
        if self._flush is not None:
            self._flush.cancel()
        if self._shards is not None:
            self._shards.close()

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection until it ends."""
        try:
            while True:
                question = self._decoder.decode(await frames.receive(reader))
                await self._loaded.wait()
                writer.write(frames.framed(self._answer(question)))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the gateway has hung up, or this process ends
        finally:
            writer.close()

    def _answer(self, question: Question) -> Answer:
        try:
            return self._do(question)
        except Conflict as error:
            return Refused("conflict", error.message)
        except NotFound as error:
            return Refused("missing", error.message)
        except Exception:  # noqa: BLE001 - the engine raises bare exceptions
            _log.exception("the engine failed")
            return Refused("failed", "The vector engine failed.")

    def _do(self, question: Question) -> Answer:
        shards = self._shards
        assert shards is not None  # noqa: S101 - `load` came first
        answer = Done()
        match question:
            case Ping():
                pass
            case Find(name):
                answer = Done(collection=shards.find(name))
            case Create(collection):
                shards.create(collection)
            case Upsert(name, points):
                shards.upsert(name, points)
                self._flush_later()
            case Search(name, vector, where, limit, least):
                answer = Done(hits=shards.search(name, vector, where, limit, least))
            case Count(name, where):
                answer = Done(count=shards.count(name, where))
            case Delete(name, where):
                answer = Done(count=shards.delete(name, where))
                self._flush_later()
        return answer

    def _flush_later(self) -> None:
        if self._flush is not None:
            self._flush.cancel()
        assert self._shards is not None  # noqa: S101 - as above
        self._flush = asyncio.get_running_loop().call_later(_IDLE_S, self._shards.flush)


async def _serve(socket: Path, folder: Path) -> None:
    vectors = VectorServer(folder)
    server = await asyncio.start_unix_server(vectors.converse, sock=bind_unix(socket))
    try:
        await child.live(vectors.load)
    finally:
        server.close()
        vectors.close()


if __name__ == "__main__":
    arguments = child.arguments("--folder")
    asyncio.run(_serve(arguments.socket, arguments.folder))
