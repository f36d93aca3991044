"""HTTP as values: what the edge hands in, what it takes back, what goes to an upstream."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from ipaddress import ip_address
from typing import Any, Protocol

import msgspec

from hx_gateway.core.errors import GatewayError

Header = tuple[bytes, bytes]
JSON_TYPE: Header = (b"content-type", b"application/json")
SSE_TYPE: Header = (b"content-type", b"text/event-stream; charset=utf-8")


class Chunks(Protocol):
    """A body that arrives in pieces. Whoever takes it must close it."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Iterate over non-empty pieces."""
        ...

    async def aclose(self) -> None:
        """Stop: give back what produces the pieces; safe to call twice."""
        ...


class Pouring(Protocol):
    """Chunks that can also be handed on piece by piece, in the very moment each is there."""

    async def pour(self, put: Callable[[bytes], bool]) -> bool:
        """Hand pieces to `put` while it returns True; False at the end, True when `put` is full.

        After True it is called again once there is room.
        """
        ...


class Memo:
    """What an application found out about a head: all requests with the very same head share it.

    A client repeats its head with every request, so whatever depends on nothing else (where it
    goes, who is calling) is found out once. `owner` is the application that keeps it; `fast` is
    its `FastPath` for such requests, if they have one.
    """

    __slots__ = ("fast", "found", "owner")

    def __init__(self) -> None:
        """Know nothing."""
        self.owner: object = None
        self.found: Any = None
        self.fast: Any = None


class Early:
    """How a stream begins when its answer is long in coming: then the edge begins it by itself.

    `words` gives what ends it after that: an error, or None when the server stops before there is
    an answer. `has_begun`: the answer can no longer be an error with a status.
    """

    __slots__ = ("has_begun", "headers", "heartbeat", "words")

    def __init__(
        self,
        headers: list[Header],
        heartbeat: bytes,
        words: Callable[[GatewayError | None], bytes],
    ) -> None:
        """`heartbeat` is the first thing that is sent, and sent again while nothing comes."""
        self.headers = headers
        self.heartbeat = heartbeat
        self.words = words
        self.has_begun = False


class Request:
    """A request. Its body is there (`body`), arrives (`stream`), or is still to come (neither).

    `path` is percent-decoded and starts with `/`; `query` is raw. Header names are lower-case
    bytes; fields that came twice are joined with `, ` (the edge refuses doubles that matter).
    The length of the body is not among them: `length` is in bytes, None when nobody said it.
    `peer` is the client's address as text; `received_at` is monotonic seconds. A handler that
    answers with a stream may say in `early` how to begin it before it is known. `flight`: what was
    sent on already (`Flight`), by the application that is now asked after all.
    """

    __slots__ = (
        "body", "early", "flight", "headers", "length", "memo", "method", "path", "peer", "query",
        "received_at", "stream",
    )  # fmt: skip

    def __init__(
        self,
        method: str,
        path: str,
        query: str,
        headers: dict[bytes, bytes],
        *,
        peer: str = "",
        received_at: float = 0.0,
        body: bytes = b"",
        memo: Memo | None = None,
    ) -> None:
        """`memo` is shared by requests with the same head; `headers` may be, too."""
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.peer = peer
        self.received_at = received_at
        self.body = body
        self.length: int | None = 0
        self.memo = memo or Memo()
        self.stream: Chunks | None = None
        self.early: Early | None = None
        self.flight: Any = None

    def header(self, name: bytes) -> str | None:
        """Get one header as text (latin-1, as HTTP has it); None when absent."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")


class BodyRule(msgspec.Struct, frozen=True, kw_only=True):
    """What the edge may take as the body of one request."""

    max_bytes: int
    streamed: bool = False


class Response:
    """What goes back: a status, headers, and a whole body or one in pieces.

    With `chunks` the edge writes pieces as they come, sends `heartbeat` when nothing came for a
    while, and closes the chunks whatever happens (also when the client is gone). An exception out
    of `chunks` closes the connection without an end mark. `lines` are further headers, as
    `header_lines` writes them: what many answers have in common is written once.
    """

    __slots__ = ("body", "chunks", "headers", "heartbeat", "lines", "status")

    def __init__(
        self,
        status: int,
        body: bytes = b"",
        headers: list[Header] | None = None,
        *,
        chunks: Chunks | None = None,
        heartbeat: bytes | None = None,
        lines: bytes = b"",
    ) -> None:
        """`headers` are sent as they are; length and framing are the edge's business."""
        self.status = status
        self.body = body
        self.headers = headers if headers is not None else []
        self.chunks = chunks
        self.heartbeat = heartbeat
        self.lines = lines


class SplitHeader(ValueError):
    """A header that would have broken out of its line."""


def header_lines(headers: Iterable[Header]) -> bytes:
    """Write headers, each with its line end; raises SplitHeader."""
    lines = [b"%b: %b\r\n" % header for header in headers]
    block = b"".join(lines)
    if block.count(b"\n") != len(lines) or block.count(b"\r") != len(lines):
        raise SplitHeader
    return block


class Application(Protocol):
    """What the edge serves."""

    def check_head(self, request: Request) -> BodyRule | Response:
        """Judge a request before its body is read: how much to take, or an answer at once."""
        ...

    async def answer(self, request: Request) -> Response:
        """Answer a request; must not raise. Cancelled when the client is gone."""
        ...


class Origin(msgspec.Struct, frozen=True, kw_only=True, cache_hash=True):
    """Where an upstream is: a host and port, or a Unix socket. Comes from configuration only."""

    scheme: str = "http"
    host: str = "localhost"
    port: int = 80
    socket_path: str | None = None
    verify_tls: bool = True

    @property
    def is_local(self) -> bool:
        """Whether it is on the machine that asks."""
        return self.socket_path is not None or _is_loopback(self.host)

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        default = 443 if self.scheme == "https" else 80
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == default else f"{host}:{self.port}"


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class HttpRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request to an upstream. `path` is raw and includes the query, if any.

    The client adds Host, Content-Length and Accept-Encoding; everything else is here.
    """

    method: str = "POST"
    path: str
    headers: tuple[Header, ...] = ()
    body: bytes = b""
    stream: Chunks | None = None


class Deadlines(msgspec.Struct, frozen=True, kw_only=True):
    """How long to wait for what, in seconds.

    `first_byte` counts from the request's last byte to the answer's head; `idle` between chunks;
    `total` over everything, None for no limit.
    """

    connect: float = 5.0
    first_byte: float = 600.0
    idle: float = 300.0
    total: float | None = 6000.0


class Exchange(Protocol):
    """One upstream's answer; holds its connection until closed or read to the end."""

    status: int
    headers: Mapping[bytes, bytes]

    async def read(self) -> bytes:
        """Read the whole body; raises TimedOut, Garbled (too large, cut short)."""
        ...

    async def receive(self) -> bytes:
        """Wait for the next bytes of the body; b"" at its proper end; raises like `read`."""
        ...

    async def pass_on(self, take: Callable[[bytes], bool]) -> bool:
        """Hand the body to `take` in the very moment it comes; raises like `receive`.

        Returns False at the proper end, True when `take` returned False: no more for now.
        """
        ...

    def close(self) -> None:
        """Give the connection back, or drop it if the body is unfinished; safe to call twice."""
        ...


class Sender(Protocol):
    """The client side: sends one request and returns when the answer's head is there."""

    async def send(self, origin: Origin, request: HttpRequest, deadlines: Deadlines) -> Exchange:
        """Raise Unreachable, TimedOut or Garbled when there is no proper answer head."""
        ...
