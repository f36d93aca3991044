"""An answer of plain bytes under way: a sound, a picture, whatever the upstream calls it."""

from collections.abc import Callable

from hx_gateway.core.errors import Garbled, Interrupted, UpstreamError
from hx_gateway.core.http import Exchange
from hx_gateway.core.receipt import Ending
from hx_gateway.pipeline.record import Record


class RawReply:
    """Bytes on their way, in no format of ours: iterate it, close it to settle.

    There is no place in a sound for an error, so a broken one is cut: it raises, and the edge
    closes the connection without an end mark. Likewise when the gateway stops.
    """

    __slots__ = ("_closed", "_exchange", "_first", "_record", "_release")

    def __init__(self, exchange: Exchange, record: Record, release: Callable[[], None]) -> None:
        """`release` frees the deployment's place; it is called once."""
        self._exchange = exchange
        self._record = record
        self._release = release
        self._first = b""
        self._closed = False

    async def begin(self) -> None:
        """Wait for the first bytes; raises UpstreamError, so that others may try."""
        self._first = await self._exchange.receive()
        if not self._first:
            raise Garbled("The upstream's answer is empty.")

    def __aiter__(self) -> "RawReply":
        """Iterate over itself."""
        return self

    async def __anext__(self) -> bytes:
        """Give the next bytes; raises Interrupted when the upstream breaks off."""
        if self._first:
            first, self._first = self._first, b""
            return first
        if self._closed:
            raise StopAsyncIteration
        try:
            data = await self._exchange.receive()
        except UpstreamError as fault:
            broken = Interrupted(
                "The upstream broke off while answering.", upstream_status=fault.upstream_status
            )
            self._finish(Ending.BROKEN, broken)
            raise broken from None
        if not data:
            self._finish(Ending.COMPLETE)
            raise StopAsyncIteration
        return data

    async def aclose(self) -> None:
        """Give the upstream connection back and settle; safe to call twice."""
        self._finish(Ending.ABANDONED)

    def _finish(self, ending: Ending, error: Interrupted | None = None) -> None:
        if self._closed:
            return
        self._closed = True
        self._exchange.close()
        self._release()
        self._record.settle(ending, status=200, error=error)
