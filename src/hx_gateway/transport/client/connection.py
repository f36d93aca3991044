"""One connection to an upstream: bytes out, a parsed answer in, and one timer over both.

Knows one exchange at a time and nothing of who owns the connection or reads the answer.
"""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Protocol, cast

import httptools

from hx_gateway.core.errors import Garbled, TimedOut, Unreachable, UpstreamError
from hx_gateway.core.run import Signal
from hx_gateway.transport.client.limits import ClientLimits
from hx_gateway.transport.client.shape import NO_SHAPE, shape_of

SCRATCH = 64 * 1024
NEVER = float("inf")
CUT_SHORT = "The upstream's answer was cut short."
_TOTAL = "The upstream did not finish in time."
_BODILESS = frozenset((204, 304))
_ONE = (None,)
# uvloop's clock counts whole milliseconds: a timer may fire that much before a deadline.
_TICK = 0.001


class Owner(Protocol):
    """Who keeps a connection between exchanges."""

    def rested(self, connection: "Connection") -> None:
        """Take a connection that can carry another request."""
        ...

    def lost(self, connection: "Connection") -> None:
        """Forget a connection that can carry no more; may be called again."""
        ...


class Connection(asyncio.BufferedProtocol):
    """One open connection, idle or with one exchange.

    Whoever drives it calls `begin`, `write`, then `wait` until `head_done`, then `take` and `wait`
    until `complete`, then `release`; and sets `sent` when the whole request was written. `fault`
    says why nothing more will come. `unread` counts the bytes since the last `take`. `is_full`:
    whoever the body was passed on to took enough.
    """

    __slots__ = (
        "_barren", "_begun", "_body_to_eof", "_deadline", "_fields", "_head_bytes", "_head_only",
        "_idle", "_keep_alive", "_late", "_limits", "_loop", "_owner", "_parser", "_parts",
        "_paused", "_scratch", "_shape", "_signal", "_tap", "_tap_idle", "_timer", "_timer_at",
        "_total_at", "_transport", "complete", "fault", "head_done", "is_full", "sent",
        "status", "unread", "write_blocked",
    )  # fmt: skip

    def __init__(self, owner: Owner, limits: ClientLimits, scratch: memoryview) -> None:
        """`scratch` (64 KiB) is shared: the loop fills it and calls us before anyone else."""
        self._owner = owner
        self._limits = limits
        self._scratch = scratch
        self._loop = asyncio.get_running_loop()
        self._fields: dict[bytes, bytes] = {}
        self._parts: list[bytes] = []
        self._begun: list[None] = []
        self._parser = httptools.HttpResponseParser(self._ears())
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = self._deadline = self._total_at = NEVER
        self._late = _TOTAL
        self._signal = Signal(self._loop)
        self._shape = NO_SHAPE
        self._tap: Callable[[bytes], bool] | None = None
        self._tap_idle = 0.0
        self.is_full = False
        self._idle = False
        self.write_blocked = False
        self.status = 0
        self.begin(NEVER)

    # What the driver calls

    def begin(self, total_at: float, *, head_only: bool = False) -> None:
        """Start an exchange that must be over at `total_at` (loop time).

        `head_only`: the answer will have no body, whatever its head says (HEAD).
        """
        self.sent = self.head_done = self.complete = False
        self.fault: UpstreamError | None = None
        self._idle = self._body_to_eof = self._keep_alive = self._paused = False
        self._head_only = head_only
        self._head_bytes = self._barren = self.unread = 0
        self._parts.clear()
        self._fields.clear()
        self._begun[:] = _ONE
        self._deadline = self._total_at = total_at

    def write(self, data: bytes) -> None:
        """Send bytes; when they do not go out at once, `write_blocked` is true for a while."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)
        else:
            self._cut()  # it closed, and the loop may not have told us yet

    def wait(self, seconds: float, late: str) -> Signal:
        """Give what to await for the next thing that happens; raises the fault.

        `late` is the message of the TimedOut. Not a coroutine: this is once or twice a request.
        """
        if self.fault is not None:
            raise self.fault
        until = self._loop.time() + seconds
        until = min(until, self._total_at)
        if until >= self._timer_at and self._timer is not None:  # `_watch`, as nearly always
            self._deadline = until
            self._late = late
        else:
            self._watch(until, late)
        return self._signal

    def pass_on(self, take: Callable[[bytes], bool], idle: float, late: str) -> Signal:
        """Give what to await while the body goes to `take`, in the very moment it comes.

        It goes on until `take` returns False (then `is_full`) or raises; the last bytes of a body,
        and what comes together with a fault, are left to be taken. `idle` is for each wait.
        """
        self._tap = take
        self._tap_idle = idle
        self.is_full = False
        return self.wait(idle, late)

    def untap(self) -> None:
        """Pass nothing on any more."""
        self._tap = None

    def take(self) -> bytes:
        """Get all bytes of the body that are here; may be empty. Lets more come."""
        parts = self._parts
        if not parts:
            return b""
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        parts.clear()
        self.unread = 0
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
        return data

    @property
    def headers(self) -> dict[bytes, bytes]:
        """The fields of the answer's head, their names in lower case."""
        return {name.lower(): value for name, value in self._fields.items()}

    @property
    def is_open(self) -> bool:
        """Whether a request can go out; the loop reports a loss only in its next round."""
        return self._transport is not None and not self._transport.is_closing()

    @property
    def heard(self) -> bool:
        """Whether any byte of the answer has come."""
        return self._head_bytes > 0

    def release(self) -> None:
        """End the exchange: to the owner if another request can follow, else drop it."""
        finished = self.complete and self.sent and not self.write_blocked
        if not (finished and self._keep_alive) or self._paused:
            self.abort()
            return
        self._idle = True
        self._parts.clear()
        self._watch(self._loop.time() + self._limits.idle_timeout, _TOTAL)
        self._owner.rested(self)

    def abort(self) -> None:
        """Close at once, so that the upstream sees it now; safe to call twice."""
        self._idle = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._transport is not None:
            self._transport.abort()
            self._transport = None
        self._owner.lost(self)

    # What the loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.BaseProtocol`."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are no subclasses

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's signature
        """See `asyncio.BufferedProtocol`."""
        return self._scratch

    def buffer_updated(self, nbytes: int) -> None:
        """Parse what came; wake whoever waits."""
        if self._idle:  # bytes that nobody asked for: an answer to nothing must not meet a request
            self.abort()
            return
        try:
            self._feed(self._scratch[:nbytes])
        except httptools.HttpParserError:
            self._fail(Garbled("The upstream's answer is not valid HTTP."))
            return
        if self._tap is not None and not self.complete and self.fault is None:
            self._run_tap(self._tap)
            return
        if self.unread > self._limits.max_unread and not self.complete and self._transport:
            self._paused = True
            self._transport.pause_reading()
        if self.head_done:
            # The timer stays where it is: firing early, it finds this and moves on.
            self._wake()

    def eof_received(self) -> None:
        """Judge the end of the bytes: it ends a body that has no other end, else it is a fault."""
        if self._idle:
            self.abort()
        elif self._body_to_eof and not self.complete:
            self.complete = True
            self._wake()
        else:
            self._cut()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Whoever waits is told; the socket is gone."""
        self._cut()
        self.abort()

    def pause_writing(self) -> None:
        """See `asyncio.BaseProtocol`."""
        self.write_blocked = True

    def resume_writing(self) -> None:
        """See `asyncio.BaseProtocol`."""
        self.write_blocked = False
        self._wake()

    # What the parser calls

    def _ears(self) -> SimpleNamespace:
        """Give the parser its callbacks; those it calls most are functions of C.

        The single token makes a second answer to one request an error: popping it fails. Of a
        field that comes twice only one counts; llhttp refuses doubles that frame the body.
        """
        return SimpleNamespace(
            on_message_begin=self._begun.pop,
            on_header=self._fields.__setitem__,
            on_headers_complete=self._on_headers_complete,
            on_body=self._parts.append,
            on_message_complete=self._on_message_complete,
        )

    def _on_headers_complete(self) -> None:
        """Decide what body follows (RFC 9112 section 6.3)."""
        self.status = status = self._parser.get_status_code()
        if status == 101 or len(self._fields) > self._limits.max_headers:
            # A protocol nobody asked for, or too many fields.
            raise httptools.HttpParserError("refused")
        if status < 200:
            self._fields.clear()
            self._begun[:] = _ONE
            return
        self._shape = shape = shape_of(tuple(self._fields))
        if shape.transfer is not None and self._fields[shape.transfer].lower() != b"chunked":
            raise httptools.HttpParserError("refused")
        self.head_done = True
        if self._head_only or status in _BODILESS:
            self.complete = True
        elif shape.transfer is None and not shape.has_length:
            self._body_to_eof = True

    def _on_message_complete(self) -> None:
        """Mark the proper end; only now may the connection be used again."""
        if self.head_done:
            self.complete = True
            self._keep_alive = self._parser.should_keep_alive()

    # The rest

    def _feed(self, data: memoryview) -> None:
        nbytes = len(data)
        if not self.head_done:
            room = self._limits.max_head - self._head_bytes
            self._head_bytes += nbytes
            if nbytes > room:
                self._feed_split(data, room)
                return
        known = len(self._parts)
        self._parser.feed_data(data)
        if len(self._parts) > known:
            if self._head_only:  # a body where there can be none
                self._parts.clear()
                raise httptools.HttpParserError("refused")
            self.unread += nbytes
            self._barren = 0
            return
        # Trailers and chunk extensions are never handed out, so nobody else would bound them.
        self._barren += nbytes
        if self._barren > self._limits.max_head and not self.complete:
            self._fail(Garbled("The upstream's answer has too much around its body."))

    def _run_tap(self, tap: Callable[[bytes], bool]) -> None:
        """Pass on what came, without waking anybody: a step of the loop for each event is dear."""
        self._deadline = min(self._loop.time() + self._tap_idle, self._total_at)
        parts = self._parts
        if not parts:
            return
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        parts.clear()
        self.unread = 0
        try:
            if tap(data):
                return
            self.is_full = True
            fault = None
        except Exception as error:  # noqa: BLE001 - it is raised where the body is waited for
            fault = error
        self._tap = None
        self._deadline = self._total_at
        self._signal.fire(fault)

    def _feed_split(self, data: memoryview, room: int) -> None:
        self._parser.feed_data(data[:room])
        if self.head_done:
            self._parser.feed_data(data[room:])
            self.unread += len(data)
        else:
            self._fail(Garbled("The upstream's answer has too large a head."))

    def _cut(self) -> None:
        if self.heard:
            self._fail(Garbled(CUT_SHORT))
        else:
            self._fail(Unreachable("The upstream closed the connection without an answer."))

    def _fail(self, fault: UpstreamError) -> None:
        if not self.complete and self.fault is None:
            self.fault = fault
        self._keep_alive = False
        self.abort()
        self._wake()

    def _wake(self) -> None:
        self._deadline = self._total_at
        self._signal.fire(self.fault)

    def _watch(self, until: float, late: str) -> None:
        """Set the deadline. The timer is moved only when it would fire too late."""
        self._deadline = until
        self._late = late
        if until >= self._timer_at and self._timer is not None:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if until < NEVER and self._transport is not None:
            self._timer_at = until
            self._timer = self._loop.call_at(until, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        now = self._loop.time()
        if now + _TICK < self._deadline:
            self._watch(self._deadline, self._late)
        elif self._idle:
            self.abort()
        else:
            self._fail(TimedOut(self._late if now + _TICK < self._total_at else _TOTAL))
