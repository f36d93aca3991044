"""A kept answer, and its form in a store: what was changed on the way is no answer any more."""

import hashlib

import msgspec

from hx_gateway.core.usage import Usage

_MARK = b"HXA1"
_SUM = 16


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A complete answer: `body` is the whole answer in the format `dialect`.

    `created_at` is wall time. `deployment_id`, `provider` and `upstream_model` are who
    made it. `usage` is None when nobody knew.
    `streams`: nothing is lost when it is streamed. `media` is its type, None for JSON.
    """

    tenant: str
    dialect: str
    body: bytes
    created_at: float
    usage: Usage | None = None
    deployment_id: str | None = None
    provider: str | None = None
    upstream_model: str | None = None
    streams: bool = True
    media: str | None = None


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A kept answer that will do: its label, and how like the question is where that was judged."""

    entry: Entry
    label: str
    similarity: float | None = None


def sealed(entry: Entry) -> bytes:
    """Write an entry with a check sum over it."""
    content = msgspec.msgpack.encode(entry)
    return _MARK + _sum(content) + content


def unsealed(data: bytes, *, tenant: str, dialect: str) -> Entry | None:
    """Read an entry; None when it is damaged, or not what this tenant may see in this format."""
    content = data[len(_MARK) + _SUM :]
    if data[: len(_MARK) + _SUM] != _MARK + _sum(content):
        return None
    try:
        entry = msgspec.msgpack.decode(content, type=Entry)
    except msgspec.DecodeError:  # written by another release
        return None
    return entry if entry.tenant == tenant and entry.dialect == dialect else None


def _sum(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_SUM).digest()
