"""An answer under way: bytes for the client, and one settlement however it ends."""

from collections.abc import Callable
from typing import Protocol

from hx_gateway.core.errors import Garbled, GatewayError, Interrupted, UpstreamError
from hx_gateway.core.event import Event, Used
from hx_gateway.core.http import Exchange
from hx_gateway.core.provider import Decoder, WayIn, Writer
from hx_gateway.core.receipt import Ending
from hx_gateway.core.usage import Usage
from hx_gateway.pipeline.record import Record


class Passage(Protocol):
    """Turns an upstream's stream into the client's: a relay, or a translation."""

    usage: Usage | None

    @property
    def over(self) -> bool:
        """Whether the end mark of a complete answer has come, after which nothing counts."""
        ...

    def feed(self, data: bytes) -> bytes:
        """Take upstream bytes, give client bytes; raises UpstreamError."""
        ...

    def end(self) -> bytes:
        """Take the end; raises Interrupted when the answer was not complete."""
        ...


class Translation:
    """A passage between two unlike formats, through events."""

    def __init__(self, decoder: Decoder, writer: Writer) -> None:
        """Read with one, write with the other."""
        self._decoder = decoder
        self._writer = writer
        self.usage: Usage | None = None

    @property
    def over(self) -> bool:
        """See `Passage`."""
        return self._decoder.over

    def feed(self, data: bytes) -> bytes:
        """See `Passage`."""
        return self._written(self._decoder.feed(data))

    def end(self) -> bytes:
        """See `Passage`."""
        return self._written(self._decoder.end()) + self._writer.end()

    def _written(self, events: list[Event]) -> bytes:
        for event in events:
            if type(event) is Used:
                self.usage = event.usage
        return self._writer.write(events) if events else b""


class Reply:
    """An answer under way: iterate it for bytes, close it to settle.

    Owns the upstream exchange. Complete, broken, abandoned or drained: it settles once, with the
    usage seen so far. A stream that breaks ends with one error event in the client's own format
    and no end mark (docs/decisions/0003-interrupted-streams.md).
    """

    __slots__ = (
        "_closed", "_ended", "_exchange", "_first", "_passage", "_pieces", "_put", "_record",
        "_release", "_way_in",
    )  # fmt: skip

    def __init__(
        self,
        exchange: Exchange,
        passage: Passage,
        way_in: WayIn,
        record: Record,
        release: Callable[[], None],
    ) -> None:
        """`release` frees the deployment's place; it is called once."""
        self._exchange = exchange
        self._passage = passage
        self._way_in = way_in
        self._record = record
        self._release = release
        self._first = b""
        self._pieces = 1
        self._ended = False  # the passage has said all it has to say
        self._closed = False
        self._put: Callable[[bytes], bool] | None = None

    async def begin(self) -> None:
        """Wait for the first bytes worth sending; raises UpstreamError, so that others may try."""
        first = b""
        try:
            while not first:
                data = await self._exchange.receive()
                if not data:
                    first = self._passage.end()
                    self._ended = True
                    break
                first = self._passage.feed(data)
        except Interrupted as fault:
            # Nothing has reached the client yet, so unlike later somebody else may answer.
            raise Garbled("The upstream ended its answer before it began.") from fault
        self._first = first

    def __aiter__(self) -> "Reply":
        """Iterate over itself."""
        return self

    async def __anext__(self) -> bytes:
        """Give the next bytes; one error event when the upstream breaks off, then the end."""
        first, self._first = self._first, b""
        if first:
            return first
        if self._closed:
            raise StopAsyncIteration
        try:
            while data := await self._exchange.receive():
                out = self._passage.feed(data)
                if out:
                    self._pieces += 1
                    return out
        except UpstreamError as fault:
            if not self._passage.over:
                return self._broken(fault)
        last = self._last()
        if not last:
            raise StopAsyncIteration
        return last

    async def pour(self, put: Callable[[bytes], bool]) -> bool:
        """See `Pouring`: what iterating gives, without waking anybody for each piece."""
        first, self._first = self._first, b""
        if first and not put(first):
            return True
        if self._closed:
            return False
        self._put = put
        try:
            if await self._exchange.pass_on(self._pass):
                return True
        except UpstreamError as fault:
            if not self._passage.over:
                put(self._broken(fault))
                return False
        last = self._last()
        if last:
            put(last)
        return False

    def _pass(self, data: bytes) -> bool:
        out = self._passage.feed(data)
        if not out or self._put is None:
            return True
        self._pieces += 1
        return self._put(out)

    def _last(self) -> bytes:
        """Settle a stream at its end; gives what is left to say."""
        try:
            last = b"" if self._ended else self._passage.end()
        except UpstreamError as fault:
            return self._broken(fault)
        self._finish(Ending.COMPLETE)
        return last

    def _broken(self, fault: UpstreamError) -> bytes:
        """Settle what the upstream broke off; gives the event that says so."""
        broken = Interrupted(
            "The upstream broke off while answering.", upstream_status=fault.upstream_status
        )
        self._finish(Ending.BROKEN, broken)
        return self._error(broken)

    def _error(self, error: GatewayError) -> bytes:
        return self._way_in.stream_error(error, self._record.call_id)

    def last_words(self) -> bytes:
        """Give the event that ends it when the gateway stops; nothing when it has ended."""
        if self._closed:
            return b""
        error = Interrupted("The gateway is shutting down.", code="gateway_shutdown")
        self._finish(Ending.DRAINED, error)
        return self._error(error)

    async def aclose(self) -> None:
        """Give the upstream connection back and settle; safe to call twice.

        Many clients leave at the end mark and do not wait for the end of the body.
        """
        self._finish(Ending.COMPLETE if self._passage.over else Ending.ABANDONED)

    def _finish(self, ending: Ending, error: GatewayError | None = None) -> None:
        if self._closed:
            return
        self._closed = True
        self._exchange.close()
        self._release()
        self._record.used(self._passage.usage)
        if ending is not Ending.COMPLETE:
            self._record.estimate(self._pieces)
        self._record.settle(ending, status=200, error=error)


class Canned:
    """A whole answer as one piece of a stream; nothing to give back."""

    def __init__(self, data: bytes) -> None:
        """Hold the bytes."""
        self._data = data

    def __aiter__(self) -> "Canned":
        """Iterate over itself."""
        return self

    async def __anext__(self) -> bytes:
        """Give all, then end."""
        data, self._data = self._data, b""
        if not data:
            raise StopAsyncIteration
        return data

    async def aclose(self) -> None:
        """Nothing to close."""
