"""A stream on its way to a client, looked at on the way: once complete, its events are known."""

from collections.abc import AsyncIterator, Callable

from hx_gateway.core.errors import GatewayError
from hx_gateway.core.event import Event
from hx_gateway.core.http import Chunks
from hx_gateway.core.provider import Decoder
from hx_gateway.core.tasks import spawn
from hx_gateway.dialects import sse
from hx_gateway.pipeline.witness import Witness

Done = Callable[[list[Event] | None], None]


class Recording:
    """A stream and what it said. The bytes pass unchanged and at once.

    When its client leaves while others wait for the same answer, it is read to its end without one.
    """

    def __init__(
        self,
        chunks: Chunks,
        decoder: Decoder,
        witness: Witness,
        *,
        limit: int,
        wanted: Callable[[], bool],
        done: Done,
    ) -> None:
        """`done` is told once: the events of a complete answer, or None.

        `witness` is shown every event; every piece of `chunks` holds whole ones. More than `limit`
        bytes are not recorded. `wanted` says whether somebody waits for it.
        """
        self._chunks = chunks
        self._source: AsyncIterator[bytes] = aiter(chunks)
        self._decoder: Decoder | None = decoder
        self._witness = witness
        self._events: list[Event] = []
        self._room = limit
        self._wanted = wanted
        self._done: Done | None = done

    def __aiter__(self) -> "Recording":
        """Iterate over itself."""
        return self

    async def __anext__(self) -> bytes:
        """Give the next bytes."""
        try:
            data = await anext(self._source)
        except StopAsyncIteration:
            self._finish()
            raise
        except Exception:
            self._stop()
            raise
        self._look(data)
        return data

    def last_words(self) -> bytes:
        """Give the event that ends it when the gateway stops."""
        self._stop()
        words: Callable[[], bytes] | None = getattr(self._chunks, "last_words", None)
        return b"" if words is None else words()

    async def aclose(self) -> None:
        """Close the stream, now or when those who wait for it have got it."""
        if self._done is not None and self._wanted():
            _ = spawn(self.drain(), name="stream without its client")
            return
        try:
            await self._chunks.aclose()
        finally:
            self._stop()

    async def drain(self) -> None:
        """Read on as long as somebody waits, then close."""
        try:
            while self._wanted():
                await anext(self)
        except StopAsyncIteration:
            pass
        finally:
            await self._chunks.aclose()
            self._stop()

    def _look(self, data: bytes) -> None:
        if self._decoder is None:
            return
        self._room -= len(data)
        try:
            if self._room < 0:
                self._stop()
            else:
                for event in sse.split(data):
                    said = self._decoder.feed(event)
                    self._witness.see(event, said)
                    self._events += said
        except GatewayError:  # it broke off: what the client is told is no answer
            self._stop()

    def _finish(self) -> None:
        if self._decoder is None:
            return
        try:
            self._events += self._decoder.end()
        except GatewayError:
            self._stop()
        else:
            self._tell(self._events)

    def _stop(self) -> None:
        self._decoder = None
        self._events = []
        self._tell(None)

    def _tell(self, events: list[Event] | None) -> None:
        done, self._done = self._done, None
        if done is not None:
            done(events)
