"""One upstream's answer, as its reader sees it."""

from collections.abc import Callable, Mapping

from hx_gateway.core.errors import Garbled, Interrupted, UpstreamError
from hx_gateway.transport.client.connection import Connection
from hx_gateway.transport.client.inflate import Inflater
from hx_gateway.transport.client.limits import ClientLimits

_STALLED = "The upstream stopped in the middle of its answer."
_DECODED = (b"content-encoding", b"content-length")


class Answer:
    """An answer whose head is here; an `Exchange`.

    Holds its connection until the last byte was taken or `close` was called.
    """

    __slots__ = (
        "_begun",
        "_connection",
        "_ended",
        "_idle",
        "_inflater",
        "_max_body",
        "headers",
        "status",
    )

    def __init__(self, connection: Connection, idle: float, limits: ClientLimits) -> None:
        """`idle`: seconds to wait for the next bytes. Raises Garbled for an unknown encoding."""
        self.status = connection.status
        self.headers: Mapping[bytes, bytes] = connection.headers
        self._connection: Connection | None = connection
        self._idle = idle
        self._max_body = limits.max_body
        self._begun = self._ended = False
        self._inflater: Inflater | None = None
        encoding = self.headers.get(b"content-encoding")
        if encoding and encoding.lower() != b"identity":
            self._inflater = Inflater(encoding, limits.max_body)
            self.headers = {k: v for k, v in self.headers.items() if k not in _DECODED}

    async def read(self) -> bytes:
        """See `Exchange`; raises Garbled also for a body above the limit."""
        connection = self._connection
        if (
            connection is not None
            and connection.complete
            and self._inflater is None
            and connection.unread <= self._max_body
        ):  # the usual case: all of it came together with the head
            self._ended = True
            self._connection = None
            body = connection.take()
            connection.release()
            return body
        pieces: list[bytes] = []
        room = self._max_body
        try:
            while not self._ended:
                if piece := self._take():
                    room -= len(piece)
                    if room < 0:
                        raise Garbled("The upstream's answer is too large.")
                    pieces.append(piece)
                elif not self._ended:
                    await self._open_connection().wait(self._idle, _STALLED)
        except UpstreamError:
            self.close()
            raise
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def receive(self) -> bytes:
        """See `Exchange`; gives everything that is here at once.

        Raises Interrupted instead of Garbled once bytes were given out.
        """
        try:
            while not self._ended:
                if piece := self._take():
                    self._begun = True
                    return piece
                if not self._ended:
                    connection = self._connection or self._open_connection()
                    await connection.wait(self._idle, _STALLED)
        except UpstreamError as fault:
            raise self._failed(fault) from None
        return b""

    async def pass_on(self, take: Callable[[bytes], bool]) -> bool:
        """See `Exchange`."""
        while piece := await self.receive():
            if not take(piece):
                return True
            connection = self._connection
            if connection is None or self._inflater is not None:
                continue
            try:
                await connection.pass_on(take, self._idle, _STALLED)
            except UpstreamError as fault:
                raise self._failed(fault) from None
            finally:
                connection.untap()
            if connection.is_full:
                return True
        return False

    def close(self) -> None:
        """See `Exchange`."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.release()

    def _failed(self, fault: UpstreamError) -> UpstreamError:
        self.close()
        is_late = self._begun and isinstance(fault, Garbled)
        return Interrupted(fault.message) if is_late else fault

    def _open_connection(self) -> Connection:
        if self._connection is None:
            raise Interrupted("The answer was closed before its end.")
        return self._connection

    def _take(self) -> bytes:
        """Take what is here, maybe nothing; the last piece also ends the answer."""
        connection = self._connection or self._open_connection()
        if connection.fault is not None and not self._begun:
            raise connection.fault  # what came before it is withheld: another may answer
        piece = connection.take()
        if self._inflater is not None:
            piece = self._inflater.feed(piece)
        if connection.complete:
            if self._inflater is not None:
                self._inflater.end()
            self._ended = True
            self.close()
        return piece
