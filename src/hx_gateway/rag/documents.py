"""What clients send and get: documents, searches, hits, and what became of them."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

DEFAULT_NAMESPACE = "default"
_LAST_MOMENT = 253_402_300_799  # the end of the year 9999; milliseconds would be far beyond

Namespace = Annotated[
    str, Meta(min_length=1, max_length=200, description="Part of the tenant's documents.")
]
DocumentId = Annotated[str, Meta(min_length=1, max_length=512)]
Vector = Annotated[list[float], Meta(min_length=1, max_length=65536)]


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a client sends; a field that is not known is refused, never silently dropped."""


class Document(Body, frozen=True, kw_only=True):
    """One document: `text`, `vector` or both.

    Without `id` it gets one from its content, so that writing it again changes nothing. Without
    `namespace` it is in `default`. `expires_at` is in seconds since 1970 UTC; `metadata.ttl_days`
    counts from now. What is optional may be null.
    """

    id: DocumentId | None = None
    text: Annotated[str, Meta(description="Stored, embedded and returned.")] | None = None
    vector: Annotated[Vector, Meta(description="Used instead of embedding the text.")] | None = None
    metadata: Annotated[dict[str, object], Meta(description="Any JSON object.")] | None = None
    namespace: Namespace | None = None
    expires_at: Annotated[float, Meta(gt=0, le=_LAST_MOMENT)] | None = None

    @property
    def space(self) -> str:
        """The namespace it is in."""
        return DEFAULT_NAMESPACE if self.namespace is None else self.namespace


class UpsertBody(Body, frozen=True, kw_only=True):
    """Documents to write, and how many of them in one step."""

    documents: Annotated[
        list[Document], Meta(min_length=1, description="As many as the gateway allows: 100.")
    ]
    batch_size: Annotated[int, Meta(ge=1, le=128)] = 32


class SearchBody(Body, frozen=True, kw_only=True):
    """What to look for: a `query` in words or a `vector`, one of the two.

    Without `namespace` all that the key may read are searched.
    """

    query: Annotated[str, Meta(max_length=100_000)] | None = None
    vector: Vector | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 5
    score_threshold: Annotated[float, Meta(ge=-1, le=1)] | None = None
    namespace: Namespace | None = None


class FoundDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A hit; a higher score is nearer (cosine, -1 to 1)."""

    id: str
    score: float
    namespace: str
    text: str | None
    metadata: dict[str, object]


class SearchAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The hits, nearest first."""

    status: Literal["ok"] = "ok"
    result: list[FoundDocument]
    request_id: str


class UpsertDetail(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one document, by its place in the request."""

    index: int
    id: str
    namespace: str
    status: Literal["upserted", "failed"]


class UpsertAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What was written. `partial` when the vector store failed on the way; repeat the request."""

    status: Literal["ok", "partial"]
    upserted: int
    failed: int
    details: list[UpsertDetail]
    errors: list[str]
    request_id: str
    processing_time_ms: int
