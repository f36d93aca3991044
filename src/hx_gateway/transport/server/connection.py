"""The reading half of a connection: heads and bodies come in, one request at a time goes on.

The rules of the wire are in head and body; here is only what happens when. Times are kept as one
deadline, which the edge's ticker looks at: no timers on the hot path.
"""

import asyncio
import socket
from enum import Enum, auto
from typing import cast

from hx_gateway.core.errors import RequestError, TooLarge
from hx_gateway.core.http import Application, BodyRule, Response
from hx_gateway.transport.server.body import BodyDecoder, ChunkedBody, SizedBody
from hx_gateway.transport.server.head import END, check_partial
from hx_gateway.transport.server.memory import MAX_BYTES, Known
from hx_gateway.transport.server.outlet import Outlet
from hx_gateway.transport.server.refusal import (
    Ready,
    id_of,
    refusal_response,
    refuse,
    too_many_connections,
)
from hx_gateway.transport.server.state import NEVER, EdgeState
from hx_gateway.transport.server.upload import HIGH_WATER, Upload

_NOT_SAME: tuple[int | None, int] = (None, 0)
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_SKIPPED = 64 * 1024  # a refused body up to this size is read and dropped, to keep the connection
# After an early answer the rest of the request is read for a while: closing on unread bytes
# resets the connection, and the client would lose the answer (RFC 9112 section 9.6).
_LINGER_S = 2.0
_LINGER_BYTES = 8 * 1024 * 1024


class _Phase(Enum):
    HEAD = auto()  # a head is awaited or arriving
    BODY = auto()  # a body is arriving
    WAIT = auto()  # the request is complete; what comes now is the next one
    DROP = auto()  # the connection will be closed; what comes is dropped
    CLOSED = auto()


# By themselves: looking a member up on its class costs 0.2 us, and one request does it ten times.
HEAD, _BODY, WAIT, _DROP, _CLOSED = _Phase


class Connection(asyncio.Protocol):
    """One connection of one client. `deadline` is loop time, for what the client must send."""

    __slots__ = (
        "_application", "_body", "_body_ends", "_buffer", "_decoder", "_dropped", "_framing",
        "_has_served", "_heads", "_held_at", "_is_late", "_known", "_loop", "_outlet", "_peer",
        "_phase", "_request", "_state", "_transport", "_upload", "deadline",
    )  # fmt: skip

    def __init__(self, state: EdgeState, loop: asyncio.AbstractEventLoop) -> None:
        """Wait for the transport."""
        self._state = state
        self._loop = loop
        self._phase = HEAD
        self._buffer = b""
        self._heads = state.heads
        self._known: Known | None = None
        self._is_late = False  # the head in the buffer has its deadline
        self._has_served = False
        self._decoder: BodyDecoder | None = None
        self._body: bytearray | None = None  # what is there of a body that is awaited whole
        self._upload: Upload | None = None
        self._body_ends = NEVER
        self._held_at: float | None = None  # since when nothing is read
        self._dropped = 0
        self.deadline = NEVER

    # The transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport, or turn the client away when there are too many."""
        self._transport = cast("asyncio.Transport", transport)
        self._peer = _prepare(self._transport)
        state = self._state
        self._outlet = Outlet(self._transport, state, self._loop, self)
        if len(state.connections) >= state.settings.max_connections:
            self._phase = _DROP
            response = too_many_connections()
            self._outlet.refuse(response)
            self._transport.close()
            state.on_refusal(response.status, "too_many_connections", id_of(response))
            return
        state.connections.add(self)
        self.deadline = self._loop.time() + state.settings.header_timeout

    def data_received(self, data: bytes) -> None:
        """Take bytes from the client."""
        phase = self._phase
        if phase is HEAD:
            self._buffer = self._buffer + data if self._buffer else data
            self._take_head()
        elif phase is _BODY:
            self._take_body(data)
        elif phase is WAIT:
            self._buffer += data
            if len(self._buffer) > HIGH_WATER:
                self._hold()
        else:
            self._waste(len(data))

    def eof_received(self) -> None:
        """Take the client's end as its leaving, as proxies do: no other sign of it ever comes."""
        self._outlet.abandon()

    def connection_lost(self, _exc: Exception | None) -> None:
        """Let go of everything."""
        self._phase = _CLOSED
        self._buffer = b""
        self.deadline = NEVER
        self._state.connections.discard(self)
        self._outlet.abandon()
        self._outlet.resume()

    def pause_writing(self) -> None:
        """Note that the client takes less than is sent."""
        self._outlet.pause()

    def resume_writing(self) -> None:
        """Go on writing."""
        self._outlet.resume()

    # The edge calls

    def check_deadlines(self, now: float) -> None:
        """Act on whatever takes too long; `now` is loop time."""
        if self._outlet.deadline <= now:
            self._outlet.on_deadline()
        if self.deadline <= now:
            self._is_overdue()

    def close_if_idle(self) -> None:
        """Close unless a request is coming or under way: a client that just came is served once."""
        if self._phase is HEAD and self._has_served and not self._buffer:
            self._close()

    @property
    def is_fresh(self) -> bool:
        """Whether the first request is still awaited."""
        return self._phase is HEAD and not self._has_served

    def expire(self) -> None:
        """End the request under way, if any."""
        self._outlet.abandon()

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()

    # The outlet calls

    def can_continue(self) -> bool:
        """Tell, when an answer begins, whether another request can be read after this one."""
        if self._phase is WAIT:
            return True
        if self._phase is _BODY and self._upload is None:
            return True  # a refused body, small enough to be skipped
        self._stop_reading()
        return False

    def proceed(self) -> None:
        """Read the next request: the answer is out."""
        if self._phase is not WAIT:  # the rest of a refused body is still to come
            return
        self._upload = None
        self._has_served = True
        self._phase = HEAD
        self.deadline = self._loop.time() + self._state.settings.keepalive_timeout
        if self._held_at is not None:
            self._release()
        if self._buffer:
            self._take_head()
        elif self._state.draining:
            self._close()

    def finish(self) -> None:
        """Close the connection: the answer is out, or will never be."""
        if self._phase is not _CLOSED:
            self._close()

    # Reading

    def _take_head(self) -> None:
        buffer, state = self._buffer, self._state
        known = self._known
        # Nearly always the head of the request before, but for the length of its body.
        length, end = _NOT_SAME
        if known is not None and self._heads is state.heads:
            length, end = known.starts(buffer)
        if known is None or not end:
            if buffer.startswith(b"\r\n"):  # an empty line before a request (RFC 9112 section 2.2)
                buffer = buffer[2:]
            end = buffer.find(END) + 4
            try:
                if end < 4:
                    check_partial(buffer, state.settings)
                    self._await_head()
                    return
                known = state.heads.read(buffer[:end])
            except RequestError as refusal:
                self._refuse(refusal)
                return
            self._heads = state.heads
            self._known = known if end <= MAX_BYTES else None
            length, end = known.starts(buffer)
        self._buffer = buffer[end:]
        self._is_late = False
        self.deadline = NEVER
        self._request = known.request(length, self._peer, state.clock.monotonic())
        self._framing = known.framing
        self._judge()

    def _await_head(self) -> None:
        if self._buffer and not self._is_late:
            self._is_late = True
            self.deadline = self._loop.time() + self._state.settings.header_timeout

    def _judge(self) -> None:
        """Ask the application how much body to take, and take it."""
        self._application = application = self._state.application
        request = self._request
        verdict = application.check_head(request)
        if isinstance(verdict, Response):
            self._turn_away(verdict)
            return
        length = request.length
        if length is not None and length > verdict.max_bytes:
            self._refuse(TooLarge(f"The body is larger than {verdict.max_bytes} bytes."))
        elif length is not None and len(self._buffer) >= length and not verdict.streamed:
            request.body = self._buffer[:length]
            self._buffer = self._buffer[length:]
            self._serve(application)
        else:
            self._await_body(verdict)

    def _serve(self, application: Application, *, later: bool = False) -> None:
        self._phase = WAIT
        self._outlet.serve(application, self._request, self._framing, later=later)

    def _turn_away(self, response: Response) -> None:
        length = self._request.length
        self._serve(Ready(response), later=True)
        if length is None or length > _SKIPPED or (length and self._framing.awaits_continue):
            self._phase = _DROP
        elif length:
            self._decoder = SizedBody(length)
            self._receive_body()

    def _await_body(self, rule: BodyRule) -> None:
        length = self._request.length
        if self._framing.awaits_continue and length != 0 and not self._buffer:
            self._transport.write(_CONTINUE)
        self._decoder = ChunkedBody(rule.max_bytes) if length is None else SizedBody(length)
        if rule.streamed:
            self._request.stream = self._upload = Upload(self._resume_upload, self._stop_reading)
            self._serve(self._application, later=True)
        else:
            self._body = bytearray()
        self._receive_body()

    def _receive_body(self) -> None:
        self._phase = _BODY
        self._body_ends = self._loop.time() + self._state.settings.body_timeout
        buffered, self._buffer = self._buffer, b""
        self._take_body(buffered)

    def _take_body(self, data: bytes) -> None:
        decoder = cast("BodyDecoder", self._decoder)
        self._set_body_deadline()
        try:
            piece = decoder.feed(data)
        except RequestError as error:
            self._fail_body(error)
            return
        if self._upload is not None:
            self._upload.put(piece)
            if self._upload.is_full:
                self._hold()
        elif self._body is not None:
            self._body += piece
        if decoder.is_done:
            self._end_body(decoder.rest)

    def _set_body_deadline(self) -> None:
        idle = self._loop.time() + self._state.settings.body_idle_timeout
        self.deadline = min(idle, self._body_ends)

    def _end_body(self, rest: bytes) -> None:
        self._phase = WAIT
        self.deadline = NEVER
        self._decoder = None
        self._buffer = rest
        if self._upload is not None:
            self._upload.end()
        elif self._body is not None:
            self._request.body, self._body = bytes(self._body), None
            self._serve(self._application)
        elif not self._outlet.is_busy:
            self.proceed()

    def _fail_body(self, error: RequestError) -> None:
        """Say what was wrong with a body: to the handler that takes it, or to the client."""
        if self._upload is not None:
            self._stop_reading(error)
        elif self._body is not None:
            self._refuse(error)
        else:
            self._close(linger=True)

    def _resume_upload(self) -> None:
        if self._phase is _BODY and self._held_at is not None:
            # The client is not to blame for the time in which we did not read.
            self._body_ends += self._loop.time() - self._held_at
            self._set_body_deadline()
        self._release()

    def _stop_reading(self, error: RequestError | None = None) -> None:
        """Take no more of this body; the connection ends after the answer."""
        if self._phase is _BODY:
            self._phase = _DROP
            self.deadline = NEVER
            self._release()
            if self._upload is not None:
                self._upload.end(error)

    def _hold(self) -> None:
        if self._held_at is None:
            self._held_at = self._loop.time()
            self._transport.pause_reading()
            self.deadline = NEVER

    def _release(self) -> None:
        if self._held_at is not None:
            self._held_at = None
            if not self._transport.is_closing():
                self._transport.resume_reading()

    # Ending

    def _is_overdue(self) -> None:
        late = "The {} took too long to arrive."
        if self._phase is HEAD:
            if self._buffer.strip():
                self._refuse(refuse(408, "request_timeout", late.format("request")))
            else:
                self._close()
        elif self._phase is _BODY:
            self._fail_body(refuse(408, "request_timeout", late.format("body")))
        else:
            self._transport.abort()

    def _refuse(self, error: RequestError) -> None:
        response = refusal_response(error)
        self._outlet.refuse(response)
        self._close(linger=True)
        self._state.on_refusal(response.status, error.error_code or "", id_of(response))

    def _close(self, *, linger: bool = False) -> None:
        linger = linger or self._phase in (_BODY, _DROP) or bool(self._buffer)
        self._phase = _DROP
        self._buffer = b""
        self._body = None
        if linger and self._transport.can_write_eof() and not self._transport.is_closing():
            self._transport.write_eof()
            self._release()
            self.deadline = self._loop.time() + _LINGER_S
        else:
            self._transport.close()
            self.deadline = self._loop.time() + self._state.settings.write_timeout

    def _waste(self, size: int) -> None:
        self._dropped += size
        if self._dropped <= _LINGER_BYTES:
            return
        if self._outlet.is_busy:
            self._hold()
        else:
            self._transport.abort()


def _prepare(transport: asyncio.Transport) -> str:
    """Set the connection up; gives the client's address as text."""
    connected = transport.get_extra_info("socket")
    if connected is None or connected.family == socket.AF_UNIX:
        return "unix"
    # asyncio does this only for listening sockets made with IPPROTO_TCP; without it, Nagle and
    # delayed acknowledgements cost 40 ms an answer.
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    peer = transport.get_extra_info("peername")
    return str(peer[0]) if peer else ""
