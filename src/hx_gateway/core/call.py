"""What a client asked, parsed once and never changed."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec
from msgspec import Raw


class Operation(StrEnum):
    """What kind of answer is wanted."""

    CHAT = "chat"
    COMPLETE = "complete"
    EMBED = "embed"
    RERANK = "rerank"
    MODERATE = "moderate"
    IMAGE = "image"
    IMAGE_EDIT = "image_edit"
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


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One call. `fields` are the top-level fields of the client's body, as it wrote them.

    `dialect` is the name of the wire format it came in. `model` is the public name (a route).
    `wants_usage`: the client itself asked for the usage in a stream.
    `started_at` is monotonic seconds, `created` whole seconds since 1970 (for answers that have
    none). `headers`: the few client headers that may go on to an upstream (by allow-list).
    `cache` is None when the caller did not mention it.
    """

    id: str
    operation: Operation
    dialect: str
    model: str
    fields: Mapping[str, Raw]
    stream: bool = False
    wants_usage: bool = False
    headers: Mapping[bytes, bytes] = {}
    tags: tuple[str, ...] = ()
    started_at: float = 0.0
    created: int = 0
    cache: CacheWish | None = None
