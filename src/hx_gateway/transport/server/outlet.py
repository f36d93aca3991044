"""The writing half of a connection: one answer at a time, and whether the client takes it.

Here is the one run of a request: it asks the application, writes the answer, closes its chunks.
"""

import asyncio
import fcntl
import logging
import struct
import termios
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol

from hx_gateway.core.errors import Interrupted
from hx_gateway.core.http import Application, Chunks, Request, Response
from hx_gateway.core.run import Run
from hx_gateway.transport.server.encode import SMALL, encode_head, has_body
from hx_gateway.transport.server.head import Framing
from hx_gateway.transport.server.refusal import ID, error_response
from hx_gateway.transport.server.state import NEVER, EdgeState
from hx_gateway.transport.server.stream import LastWords, Stream

Pour = Callable[[Callable[[bytes], bool]], Awaitable[bool]]  # see `Pouring`
_log = logging.getLogger(__name__)
_CLOSE = b"connection: close\r\n"
_LANDED = b"HTTP/1.1 200 OK\r\n%b%b%bcontent-length: %d\r\n\r\n%b"
_UNTAKEN = 32 * 1024  # what waits for a client beyond this holds its upstream back


class Intake(Protocol):
    """The reading half, as the writing half sees it."""

    def can_continue(self) -> bool:
        """Tell, when an answer begins, whether another request can be read after this one."""
        ...

    def proceed(self) -> None:
        """Read the next request: the answer is out."""
        ...

    def finish(self) -> None:
        """Close the connection: the answer is out, or will never be."""
        ...


class Outlet:
    """What goes out on one connection. `deadline` is loop time."""

    __slots__ = (
        "_framing", "_has_begun", "_intake", "_is_paused", "_is_running", "_is_settling", "_loop",
        "_request", "_room", "_run", "_stalled_at", "_state", "_stream", "_transport", "deadline",
    )  # fmt: skip

    def __init__(
        self,
        transport: asyncio.Transport,
        state: EdgeState,
        loop: asyncio.AbstractEventLoop,
        intake: Intake,
    ) -> None:
        """Be idle."""
        transport.set_write_buffer_limits(_UNTAKEN)
        self._transport = transport
        self._state = state
        self._loop = loop
        self._intake = intake
        self._run: Run | None = None
        self._request: Request | None = None
        self._framing: Framing | None = None
        self._stream: Stream | None = None
        self._is_running = False  # the run has had its first step
        self._is_settling = False  # the chunks are being closed: must not be cancelled
        self._has_begun = False  # bytes of an answer are out
        self._is_paused = False
        self._room: asyncio.Future[None] | None = None
        self._stalled_at = 0
        self.deadline = NEVER

    @property
    def is_busy(self) -> bool:
        """Whether a request is being served."""
        return self._run is not None

    @property
    def is_running(self) -> bool:
        """Whether what answers has had its first step: only then it can be ended properly."""
        return self._is_running

    @property
    def is_paused(self) -> bool:
        """Whether the client has to take something before more is sent."""
        return self._is_paused

    def serve(
        self, application: Application, request: Request, framing: Framing, *, later: bool = False
    ) -> None:
        """Let the application answer: now, or `later` when this request is still being read."""
        self._stream = None
        self._request = request
        self._framing = framing
        self.deadline = self._next_beat()
        self._has_begun = self._is_running = self._is_settling = False
        self._start(self._serve(application, request, framing), later=later)

    def land(self, lines: bytes, body: bytes, *, keep: bool, alone: bool) -> bool:
        """Send what the fast path answered: 200, with these header lines.

        `alone`: nothing is to be written or read right after it, so it may go with the others of
        this round. False when the client has to take some of it first: then the intake is told
        afterwards.
        """
        state = self._state
        size, close = len(body), b"" if keep else _CLOSE
        if size <= SMALL and alone:
            state.outbox.put(self._transport, _LANDED % (lines, state.common, b"", size, body))
            return True
        state.outbox.flush()
        if size <= SMALL:
            self._transport.write(_LANDED % (lines, self._state.common, close, size, body))
        else:
            head = _LANDED % (lines, self._state.common, close, size, b"")
            self._transport.writelines((head, body))
        if not self._is_paused:
            return True
        self._has_begun, self._is_running, self._is_settling = True, False, False
        self._start(self._await_rest(keep=keep), later=False)
        return False

    async def _await_rest(self, *, keep: bool) -> None:
        self._is_running = True
        try:
            await self._await_room()
        except asyncio.CancelledError:
            keep = False
        self._finish(keep=keep)

    def _start(self, work: Coroutine[Any, Any, None], *, later: bool) -> None:
        self._run = run = Run(work, self._loop)
        self._state.runs.add(run)
        if later:
            run.begin_later()
        else:
            run.begin()

    def refuse(self, response: Response) -> None:
        """Send the last answer of this connection, unless one is under way."""
        if not self._has_begun and not self._transport.is_closing():
            self._write_whole(response, is_head=False, keep=False)

    def abandon(self) -> None:
        """End the request under way, if any: the client is gone or the server goes."""
        run = self._run
        if run is None or self._is_settling:
            return
        run.cancel()
        if not self._is_running:  # then nothing of it will ever run
            self._state.runs.discard(run)
            self._run = None
            if self._request is not None and self._request.flight is not None:
                self._request.flight.drop()

    def pause(self) -> None:
        """Note that the client takes less than is sent."""
        self._is_paused = True
        self._stalled_at = untaken(self._transport)
        self.deadline = self._loop.time() + self._state.settings.write_timeout

    def resume(self) -> None:
        """Go on writing (also when the connection is lost: the writer must wake)."""
        self._is_paused = False
        self.deadline = NEVER if self._run is None else self._next_beat()
        if self._room is not None and not self._room.done():
            self._room.set_result(None)

    def on_deadline(self) -> None:
        """Cut a client that takes nothing; else send a heartbeat."""
        if not self._is_paused:
            self.deadline = self._next_beat()
            if self._stream is not None:
                self._stream.beat()
            elif self._run is not None and not self._has_begun:
                self._begin_early()
            return
        size = untaken(self._transport)
        if size >= self._stalled_at:
            self._transport.abort()
        self._stalled_at = size
        self.deadline = self._loop.time() + self._state.settings.write_timeout

    async def _serve(self, application: Application, request: Request, framing: Framing) -> None:
        self._is_running = True
        keep = False
        try:
            response = await application.answer(request)
            keep = self._intake.can_continue() and framing.keep_alive and not self._state.draining
            if response.chunks is not None:
                await self._write_pieces(request, response, response.chunks, framing, keep=keep)
            elif self._stream is None:  # else it began early and got no stream: it is cut below
                self._write_whole(response, is_head=request.method == "HEAD", keep=keep)
            if self._is_paused:
                await self._await_room()
        except asyncio.CancelledError:
            keep = False
            self._end_early(request)
            self.refuse(_shutting_down())
        except Interrupted:
            keep = False  # an answer that is cut because its upstream broke off; it is noted there
        except Exception:  # noqa: BLE001 - the task runner: nothing is above it
            keep = False
            answer = error_response(500, "internal_error", None, "Internal error.")
            _log.exception(
                "request failed", extra={"request_id": dict(answer.headers)[ID].decode()}
            )
            self.refuse(answer)
        self._finish(keep=keep)

    def _finish(self, *, keep: bool) -> None:
        """End the run of a request, then let the next one be read if the connection is kept."""
        if self._stream is not None and not self._stream.has_ended:
            self._transport.abort()  # without an end mark: the client must see that it is cut
        if self._run is not None:
            self._state.runs.discard(self._run)
            self._run = None
        if self._request is not None and self._request.flight is not None:
            self._request.flight.drop()
        self._request = self._stream = None
        self.deadline = NEVER
        if keep:
            self._has_begun = False
            self._intake.proceed()
        else:
            self._intake.finish()

    def _begin_early(self) -> None:
        """Begin a stream whose answer is long in coming, if its handler has said how."""
        request, framing = self._request, self._framing
        early = None if request is None else request.early
        if early is None or framing is None or self._transport.is_closing():
            return
        keep = self._intake.can_continue() and framing.keep_alive and not self._state.draining
        head = encode_head(
            Response(200, headers=early.headers),
            self._state.common,
            keep_alive=keep,
            length=-1 if framing.is_old else None,
        )
        self._has_begun = early.has_begun = True
        is_chunked = not framing.is_old
        self._stream = Stream(self._transport, head, early.heartbeat, is_chunked=is_chunked)
        self._stream.beat()

    def _end_early(self, request: Request) -> None:
        """End a stream that got no answer when the server stops."""
        stream, early = self._stream, request.early
        is_open = stream is not None and not stream.has_ended
        if stream is not None and early is not None and is_open and self._state.expired:
            stream.end(early.words(None))

    def _write_whole(self, response: Response, *, is_head: bool, keep: bool) -> None:
        body = response.body
        length = len(body) if response.status == 200 or has_body(response.status) else -1
        head = encode_head(response, self._state.common, keep_alive=keep, length=length)
        self._has_begun = True
        if is_head or length <= 0:
            self._transport.write(head)
        elif length <= SMALL:
            self._transport.write(head + body)
        else:
            self._transport.writelines((head, body))

    async def _write_pieces(
        self, request: Request, response: Response, chunks: Chunks, framing: Framing, *, keep: bool
    ) -> None:
        is_empty = request.method == "HEAD" or not has_body(response.status)
        length = -1 if framing.is_old or not has_body(response.status) else None
        stream = self._stream
        try:
            if stream is not None:  # begun already
                stream.heartbeat = response.heartbeat or stream.heartbeat
                await self._pump(chunks, stream)
                return
            head = encode_head(response, self._state.common, keep_alive=keep, length=length)
            self._has_begun = True
            if is_empty or self._transport.is_closing():
                self._transport.write(head)
                return
            heartbeat = response.heartbeat
            if heartbeat is None and request.early is not None:
                heartbeat = request.early.heartbeat
            stream = Stream(self._transport, head, heartbeat, is_chunked=length is None)
            await self._pump(chunks, stream)
        finally:
            self._is_settling = True
            if stream is not None and not stream.has_ended:
                self._transport.abort()  # without an end mark: the client must see that it is cut
            await chunks.aclose()

    async def _pump(self, chunks: Chunks, stream: Stream) -> None:
        self._stream = stream
        self.deadline = self._next_beat()
        pour: Pour | None = getattr(chunks, "pour", None)
        try:
            if pour is None:
                async for piece in chunks:
                    if not self._put(piece):
                        await self._await_room()
            else:
                while await pour(self._put):
                    await self._await_room()
        except asyncio.CancelledError:
            if self._state.expired and isinstance(chunks, LastWords):
                stream.end(chunks.last_words())
            raise
        stream.end()

    def _put(self, piece: bytes) -> bool:
        """Write a piece of the stream; False when the client has to take some first."""
        if self._stream is not None:
            self._stream.write(piece)
        if self._is_paused:
            return False
        self.deadline = self._loop.time() + self._state.settings.heartbeat_interval
        return True

    async def _await_room(self) -> None:
        if not self._is_paused:
            return
        self._room = self._loop.create_future()
        await self._room
        self._room = None

    def _next_beat(self) -> float:
        return self._loop.time() + self._state.settings.heartbeat_interval


def untaken(transport: asyncio.Transport) -> int:
    """Count the bytes that the client has not taken: ours, and those the kernel keeps for it.

    The kernel asks for more only when half of what it may hold is gone, so ours alone would make a
    slow reader look like one that takes nothing.
    """
    ours = transport.get_write_buffer_size()
    raw = transport.get_extra_info("socket")
    try:
        told = fcntl.ioctl(raw.fileno(), termios.TIOCOUTQ, bytes(4))  # SIOCOUTQ, tcp(7)
    except (OSError, ValueError):  # not this kind of socket, or closed
        return ours
    return ours + int(struct.unpack("i", told)[0])


def _shutting_down() -> Response:
    message = "The server is shutting down; try again shortly."
    retry = (b"retry-after", b"1")
    return error_response(503, "overloaded", "shutting_down", message, retry)
