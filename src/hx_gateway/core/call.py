"""What a client asked, parsed once and never changed."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec
from msgspec import Raw

from hx_gateway.core.form import Form
from hx_gateway.core.http import Header


class Operation(StrEnum):
    """What kind of answer is wanted."""

    CHAT = "chat"
    COMPLETE = "complete"
    EMBED = "embed"
    RERANK = "rerank"
    MODERATE = "moderate"
    IMAGE = "image"
    IMAGE_EDIT = "image_edit"
    IMAGE_VARIATION = "image_variation"
    SPEECH = "speech"
    TRANSCRIBE = "transcribe"
    TRANSLATE_AUDIO = "translate_audio"


class CacheWish(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller wants of the answer cache; the defaults say nothing.

    `reads`: a kept answer will do. `writes`: the answer may be kept. `uses`: where the cache has to
    be asked for, it was. `max_age_s`: the oldest answer that will do. Times in seconds.
    """

    reads: bool = True
    writes: bool = True
    uses: bool = False
    ttl_s: float | None = None
    max_age_s: float | None = None
    namespace: str = ""


class Detour(msgspec.Struct, frozen=True, kw_only=True):
    """A model that the caller itself wants to be asked next, with the fields to change for it."""

    model: str
    fields: Mapping[str, Raw] = {}

    @property
    def key(self) -> str:
        """What tells it from others: one model may be asked once more with other fields."""
        further = sorted((name, bytes(raw)) for name, raw in self.fields.items() if name != "model")
        return f"{self.model} {further}" if further else self.model


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller wants of the routing for one call; None is as configured.

    `timeout_s`: until the answer, or a stream's first event, must be there, whatever is tried.
    `stream_timeout_s` takes its place for streams. `fallbacks` take the place of configured ones.
    `priority` is its place in a line, the lowest first.
    """

    retries: int | None = None
    timeout_s: float | None = None
    stream_timeout_s: float | None = None
    use_fallbacks: bool = True
    fallbacks: tuple[Detour, ...] = ()
    context_window_fallbacks: tuple[Detour, ...] = ()
    content_policy_fallbacks: tuple[Detour, ...] = ()
    region: str | None = None
    priority: int | None = None

    def limit_s(self, *, stream: bool) -> float | None:
        """Give the seconds the caller will wait; None for no wish."""
        if stream and self.stream_timeout_s is not None:
            return self.stream_timeout_s
        return self.timeout_s


class Contract(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller wants done with parameters that a vendor does not take; None is as configured.

    `rule`: forward, strict or drop. `allowed` pass whatever the rule says; `dropped` never do.
    """

    rule: str | None = None
    allowed: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()


class Hints(msgspec.Struct, frozen=True, kw_only=True):
    """What a client says beside the call: its `User-Agent`, its session, headers that may go on.

    Each is read only where the configuration makes something of it.
    """

    agent: str = ""
    session: str | None = None
    headers: tuple[Header, ...] = ()


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One call. `fields` are the top-level fields of the client's body, as it wrote them.

    `dialect` is the name of the wire format it came in. `model` is the public name (a route).
    `wants_usage`: the client itself asked for the usage in a stream.
    `started_at` is monotonic seconds, `created` whole seconds since 1970 (for answers that have
    none). `headers`: the few client headers that may go on to an upstream (by allow-list).
    `wishes`, `cache` and `contract` are None when the caller did not mention them: nearly always.
    `hints` are None where no route looks at them.
    `form`: the body, when it is a form with files; then `fields` are empty.
    """

    id: str
    operation: Operation
    dialect: str
    model: str
    fields: Mapping[str, Raw]
    stream: bool = False
    wants_usage: bool = False
    headers: Mapping[bytes, bytes] = {}
    form: Form | None = None
    tags: tuple[str, ...] = ()
    wishes: Wishes | None = None
    started_at: float = 0.0
    created: int = 0
    cache: CacheWish | None = None
    contract: Contract | None = None
    hints: Hints | None = None
