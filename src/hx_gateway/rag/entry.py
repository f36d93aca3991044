"""A document as it is stored: its identity, its payload, its expiry. Pure."""

import hashlib
import math
import uuid
from collections.abc import Mapping, Sequence

import msgspec

from hx_gateway.core import wire
from hx_gateway.core.errors import Unprocessable
from hx_gateway.core.ports import Filter, Hit, Match, Point
from hx_gateway.rag.documents import Document, FoundDocument

_SPACE = uuid.UUID("8f5b8a6e-6d0c-5e0e-9c55-4b6d0c7f0b11")
_DAY_S = 86_400
_LONGEST_TTL_DAYS = 36_500
_INT64 = 2**63


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A checked document on its way in: `id` is the client's own or made from the content."""

    index: int
    id: str
    document: Document
    expires_at: float | None

    @property
    def place(self) -> tuple[str, str]:
        """Where it is among its tenant's documents: a later one there replaces it."""
        return self.document.space, self.id

    def point(self, tenant: str, vector: Sequence[float]) -> Point:
        """Make the point to store. Point ids differ by tenant, namespace and id."""
        document = self.document
        payload: dict[str, object] = {
            "tenant": tenant,
            "namespace": document.space,
            "id": self.id,
            "text": document.text,
            "metadata": document.metadata or {},
        }
        if self.expires_at is not None:
            payload["expires_at"] = self.expires_at
        name = wire.encode([tenant, *self.place]).decode()
        return Point(id=str(uuid.uuid5(_SPACE, name)), vector=tuple(vector), payload=payload)


def entry(index: int, document: Document, now: float) -> Entry:
    """Check what the schema cannot say; raises Unprocessable naming the document."""
    where = f"documents[{index}]"
    if not (document.text or "").strip() and document.vector is None:
        raise Unprocessable(f"{where} needs 'text' or 'vector'.", param=where)
    if document.vector is not None:
        check_vector(document.vector, f"{where}.vector")
    check_name(document.id, f"{where}.id")
    check_name(document.namespace, f"{where}.namespace")
    metadata = document.metadata or {}
    if not _fits(metadata):
        raise Unprocessable(f"{where}.metadata holds a number beyond 64 bits.", param=where)
    return Entry(
        index=index,
        id=document.id or _content_id(document),
        document=document,
        expires_at=document.expires_at or _expiry(metadata, now, where),
    )


def check_apart(entries: Sequence[Entry]) -> None:
    """Refuse two unlike documents of one id: the second would silently replace the first."""
    first: dict[tuple[str, str], Entry] = {}
    for each in entries:
        other = first.setdefault(each.place, each)
        if each.document.id is not None and each.document != other.document:
            where = f"documents[{each.index}].id"
            raise Unprocessable(f"{where} is that of documents[{other.index}].", param=where)


def check_name(name: str | None, param: str) -> None:
    """Refuse a name of blanks alone: nobody could tell it from another, or from none."""
    if name is not None and not name.strip():
        raise Unprocessable(f"'{param}' is blank.", param=param)


def check_vector(vector: Sequence[float], param: str) -> None:
    """Refuse a vector without a direction: cosine is not defined for it."""
    if not any(vector) or not math.isfinite(math.fsum(x * x for x in vector)):
        raise Unprocessable(f"'{param}' has no direction: all zeros, or too large.", param=param)


def not_expired(now: float) -> Match:
    """Match what has expired, for `must_not`: expiry holds before anything is swept."""
    return Match(key="expires_at", at_most=now)


def visible(namespaces: Sequence[str], now: float) -> Filter:
    """Match documents of some namespaces (none: all) that have not expired."""
    inside = (Match(key="namespace", values=tuple(namespaces)),) if namespaces else ()
    return Filter(must=inside, must_not=(not_expired(now),))


def found(hit: Hit) -> FoundDocument:
    """Show a hit to a client. Points of other writers may lack some of our fields."""
    payload = hit.payload
    text, metadata = payload.get("text"), payload.get("metadata")
    return FoundDocument(
        id=str(payload.get("id", hit.id)),
        score=hit.score,
        namespace=str(payload.get("namespace", "")),
        text=text if isinstance(text, str) else None,
        metadata=metadata if isinstance(metadata, dict) else {},
    )


def _content_id(document: Document) -> str:
    """Name a document by its text; without text by everything that tells it from others."""
    content = document.text or wire.encode([document.vector, document.metadata or {}]).decode()
    return hashlib.sha256(content.encode()).hexdigest()[:32]


def _expiry(metadata: Mapping[str, object], now: float, where: str) -> float | None:
    days = metadata.get("ttl_days")
    if days is None:
        return None
    is_number = isinstance(days, int | float) and not isinstance(days, bool)
    if not is_number or not 0 < float(str(days)) <= _LONGEST_TTL_DAYS:
        raise Unprocessable(
            f"{where}.metadata.ttl_days must be a number of days, up to {_LONGEST_TTL_DAYS}.",
            param=where,
        )
    return now + float(str(days)) * _DAY_S


def _fits(value: object) -> bool:
    """Say whether every number can be stored: the engines know 64 bits."""
    if isinstance(value, dict):
        return all(_fits(each) for each in value.values())
    if isinstance(value, list):
        return all(_fits(each) for each in value)
    return not isinstance(value, int) or -_INT64 <= value < _INT64
