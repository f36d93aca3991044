"""A vendor and a wire format, as the rest of the program sees them."""

from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from hx_gateway.core.call import Call, Operation
from hx_gateway.core.chat import Chat, Embedding, Opaque, Ranking
from hx_gateway.core.errors import GatewayError, UpstreamError
from hx_gateway.core.event import Event
from hx_gateway.core.http import Header, HttpRequest
from hx_gateway.core.node import NodeWire
from hx_gateway.core.secret import Secret
from hx_gateway.core.usage import Usage
from hx_gateway.core.wire import Fields

Question = Chat | Embedding | Ranking | Opaque


class Decoder(Protocol):
    """Reads an upstream's stream: the same bytes, cut anywhere, give the same events.

    `over` tells whether the end mark of a complete answer has come, after which nothing counts.
    """

    @property
    def over(self) -> bool:
        """See above."""
        ...

    def feed(self, data: bytes) -> list[Event]:
        """Take more bytes; raises UpstreamError for an error inside the stream, or Garbled."""
        ...

    def end(self) -> list[Event]:
        """Take the end of the stream; raises Interrupted when the answer was not complete."""
        ...


class Relay(Protocol):
    """Passes an upstream's stream on unchanged, and looks on: usage, errors, proper end.

    `usage` is what was seen so far. `complete` tells whether the stream reached its proper end;
    `over`, whether its end mark has come as well, after which nothing counts.
    """

    usage: Usage | None
    complete: bool

    @property
    def over(self) -> bool:
        """See above."""
        ...

    def feed(self, data: bytes) -> bytes:
        """Take bytes, give those that may go on now (whole events, minus what was not asked for).

        Raises UpstreamError for an error inside the stream; what precedes it in `data` is lost to
        the client only if nothing was given before (so a fault at the start can fall back).
        """
        ...

    def end(self) -> bytes:
        """Take the end; raises Interrupted when the answer was not complete."""
        ...


class Writer(Protocol):
    """Writes events as a client's stream."""

    def write(self, events: list[Event]) -> bytes:
        """Give the bytes for some events; may be empty."""
        ...

    def end(self) -> bytes:
        """Give the end mark of a complete answer."""
        ...


class WayIn(Protocol):
    """A wire format as clients speak it."""

    name: str

    def read(self, call: Call) -> Question:
        """Understand the call; raises InvalidRequest naming the field."""
        ...

    def render(self, events: list[Event], call: Call) -> bytes:
        """Write a whole answer."""
        ...

    def writer(self, call: Call) -> Writer:
        """Start to write a stream."""
        ...

    def error(self, error: GatewayError, request_id: str) -> bytes:
        """Write an error body in this format."""
        ...

    def stream_error(self, error: GatewayError, request_id: str) -> bytes:
        """Write the one event that ends a broken stream."""
        ...


class WayOut(Protocol):
    """A wire format as upstreams speak it, for one operation.

    `name` equals the `WayIn` whose bytes may be relayed to it unchanged.
    """

    @property
    def name(self) -> str:
        """The format's name."""
        ...

    @property
    def path(self) -> str:
        """Its path below the base URL."""
        ...

    def encode(self, question: Question, model: str, *, stream: bool) -> Fields:
        """Write the request's body for an upstream that is not relayed to."""
        ...

    def adapt(self, fields: Fields, model: str, *, stream: bool) -> Fields:
        """Change a client's own body as little as a relay needs: the model, the usage option."""
        ...

    def decode(self, body: bytes) -> list[Event]:
        """Read a whole answer; raises Garbled (also for an empty vector)."""
        ...

    def usage(self, body: bytes) -> Usage | None:
        """Find the usage in a whole answer that is relayed; raises Garbled when it is no answer."""
        ...

    def decoder(self) -> Decoder:
        """Start to read a stream."""
        ...

    def relay(self, *, wants_usage: bool) -> Relay:
        """Start to pass a stream on."""
        ...

    def fault(self, status: int, headers: Mapping[bytes, bytes], body: bytes) -> UpstreamError:
        """Read an upstream's error answer: by status and error code, never by message text."""
        ...


class Auth(Protocol):
    """How a vendor wants to be shown a credential."""

    def headers(self, credential: Secret | None) -> tuple[Header, ...]:
        """Give the headers that carry it."""
        ...


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A request on its way out, before it is bytes: what quirks work on.

    `changed` lists what was renamed, clamped or removed (shown in `x-hx-changed`).
    """

    path: str
    fields: Fields
    headers: tuple[Header, ...] = ()
    changed: tuple[str, ...] = ()


Quirk = Callable[[Draft], Draft]


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a request may go: what the configuration says, before a vendor makes a path of it.

    `base` is the path of the base URL, `path` the format's own below it, `version` the deployment's
    `api_version`.
    """

    base: str
    path: str
    model: str
    version: str | None = None


Locate = Callable[[Place], str]


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """A vendor: where it lives, how it signs, which formats it speaks, how it differs. Data.

    `aliases` are further prefixes in `litellm_params.model`. `key_env` / `base_env` are the
    environment names of its credential and base URL, the first set one wins. `models_path` lists
    its models (relative to the base URL). `model_names` are how its models' names begin, for
    models configured without a prefix. `headers` are sent unless the client sent its own.
    `client_headers` are the client's headers that go on, each with the values that may (of a
    comma-separated list), or None for any. `local` marks a child process on this machine.
    `at_home` names formats that only the vendor's own address speaks, not those that imitate it.
    `node`: its servers are one's own and can be asked how they are; they form a fleet.
    `locate` makes the path where it is more than base and format; it may ask for `api_version`,
    which is also in `version_env`. `key_params` are further names of the credential in
    `litellm_params`.
    """

    name: str
    base_url: str | None
    auth: Auth
    speaks: Mapping[Operation, tuple[WayOut, ...]]
    aliases: tuple[str, ...] = ()
    key_env: tuple[str, ...] = ()
    base_env: tuple[str, ...] = ()
    quirks: tuple[Quirk, ...] = ()
    needs_key: bool = True
    models_path: str | None = "/models"
    params: frozenset[str] = frozenset()
    health: HttpRequest | None = None
    at_home: frozenset[str] = frozenset()
    local: bool = False
    model_names: tuple[str, ...] = ()
    headers: tuple[Header, ...] = ()
    client_headers: Mapping[bytes, frozenset[bytes] | None] = {}
    node: NodeWire | None = None
    locate: Locate | None = None
    key_params: tuple[str, ...] = ()
    version_env: tuple[str, ...] = ()
    docs: str = ""
