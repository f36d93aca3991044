"""A connection whose ordinary requests are sent on in the moment they come (decision 0019)."""

import asyncio

from hx_gateway.core.fast import FastPath, Flight
from hx_gateway.transport.server.connection import HEAD, WAIT, Connection
from hx_gateway.transport.server.state import NEVER, EdgeState


class FlyingConnection(Connection):
    """A `Landing`: one request at a time may fly; all others are served as ever."""

    __slots__ = ("_flight", "_flown")

    def __init__(self, state: EdgeState, loop: asyncio.AbstractEventLoop) -> None:
        """Wait for the transport."""
        super().__init__(state, loop)
        self._flight: Flight | None = None
        self._flown = b""  # the body of the request that flies

    # The transport calls

    def data_received(self, data: bytes) -> None:
        """Take bytes from the client; a whole request with the head of the last one may fly."""
        known = self._known
        if known is not None and self._phase is HEAD and not self._buffer:
            fast: FastPath | None = known.memo.fast
            if (
                fast is not None
                and self._heads is self._state.heads
                and known.memo.owner is self._state.application
                and (body := known.body_in(data)) is not None
                and not self._outlet.is_paused
            ):
                flight = fast.begin(body, self)
                if flight is not None:
                    self._application = self._state.application
                    self._flight = flight
                    self._flown = body
                    self._phase = WAIT
                    self.deadline = NEVER
                    self._state.runs.add(flight)
                    return
        if self._state.outbox.waiting:  # the answer before this request, perhaps
            self._state.outbox.flush()
        super().data_received(data)

    def eof_received(self) -> None:
        """See `Connection`."""
        self._state.outbox.flush()
        self._ground()

    def connection_lost(self, exc: Exception | None) -> None:
        """See `Connection`."""
        flies = self._flight is not None
        super().connection_lost(exc)
        if flies:
            self._ground()

    # The edge calls

    def expire(self) -> None:
        """See `Connection`."""
        self._ground()

    def abort(self) -> None:
        """See `Connection`."""
        self._state.outbox.flush()
        super().abort()

    # The flight calls

    def land(self, lines: bytes, body: bytes) -> None:
        """See `Landing`."""
        known, state = self._known, self._state
        state.runs.discard(self._flight)
        self._flight = None
        self._flown = b""
        keep = known is not None and known.framing.keep_alive and not state.draining
        alone = keep and not self._buffer
        if self._outlet.land(lines, body, keep=keep, alone=alone):
            if keep:
                self.proceed()
            else:
                self.finish()

    def carry_on(self) -> None:
        """See `Landing`."""
        flight, known, body = self._flight, self._known, self._flown
        self._flight = None
        self._flown = b""
        if flight is None or known is None:
            return
        self._state.runs.discard(flight)
        self._request = request = known.request(
            len(body), self._peer, self._state.clock.monotonic()
        )
        self._framing = known.framing
        request.body = body
        request.flight = flight
        self._outlet.serve(self._application, request, known.framing)

    def _close(self, *, linger: bool = False) -> None:
        self._state.outbox.flush()
        super()._close(linger=linger)

    def _ground(self) -> None:
        """End the request under way, if any; one that flies as one that does not."""
        if self._flight is not None:
            self.carry_on()
            if not self._outlet.is_running:  # a task is under way, and the run begins after it
                self._loop.call_soon(self._outlet.abandon)
                return
        self._outlet.abandon()
