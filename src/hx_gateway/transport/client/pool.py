"""The connections to one upstream: which are open, and which of them are free."""

import msgspec

from hx_gateway.core.http import Header, HttpRequest
from hx_gateway.transport.client.connection import Connection
from hx_gateway.transport.client.head import Way, framing, write_head

MAX_HEADS = 64


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """How many connections one upstream has, and how many of them are free."""

    open: int
    idle: int


class Pool:
    """The connections to one upstream; their `Owner`.

    The one used last is used next, so that a burst's surplus grows old and leaves.
    """

    __slots__ = ("_closed", "_heads", "_idle", "_open", "way")

    def __init__(self, way: Way) -> None:
        self.way = way
        self._heads: dict[tuple[str, str, tuple[Header, ...]], bytes] = {}
        self._idle: list[Connection] = []
        self._open: set[Connection] = set()
        self._closed = False

    def take(self) -> Connection | None:
        """Get a free connection, if there is one."""
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open:
                return connection
        return None

    def head_of(self, request: HttpRequest) -> bytes:
        """Write the head of a request; those of one deployment are all alike but for the length."""
        key = (request.method, request.path, request.headers)
        head = self._heads.get(key)
        if head is None:
            if len(self._heads) >= MAX_HEADS:
                self._heads.clear()
            head = self._heads[key] = write_head(request, self.way)
        if request.body:
            return b"%bContent-Length: %d\r\n\r\n" % (head, len(request.body))
        return head + framing(request)

    def add(self, connection: Connection) -> None:
        """Count in a connection that was opened for a request."""
        self._open.add(connection)

    def rested(self, connection: Connection) -> None:
        """See `Owner`."""
        if self._closed:
            connection.abort()
        else:
            self._idle.append(connection)

    def lost(self, connection: Connection) -> None:
        """See `Owner`."""
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)

    def retire(self) -> None:
        """Close what is free now, and the rest as soon as it is."""
        self._closed = True
        for connection in tuple(self._idle):
            connection.abort()

    def abort(self) -> None:
        """Close everything now, also what is in use."""
        self._closed = True
        for connection in tuple(self._open):
            connection.abort()

    @property
    def count(self) -> Count:
        """Count the connections."""
        return Count(open=len(self._open), idle=len(self._idle))
