"""The tags of a call: what routes and accounts know it by. LiteLLM's places for them."""

from collections.abc import Mapping
from typing import TypeVar

import msgspec
from msgspec import Raw

from hx_gateway.core import wire
from hx_gateway.core.errors import InvalidRequest
from hx_gateway.core.wire import Fields

HEADER = b"x-litellm-tags"
MAX_TAGS = 100
_MARK = b'"tags"'
T = TypeVar("T")


class _Metadata(msgspec.Struct):
    tags: list[str] | None = None


def take_tags(
    fields: Fields, taken: Mapping[str, Raw], headers: Mapping[bytes, bytes]
) -> tuple[str, ...]:
    """Read them from the header, from `tags`, and from the metadata, which they then leave.

    They must leave it: vendors take nothing but texts in there. Raises InvalidRequest.
    """
    metadata = fields.get("metadata")
    if metadata is None and not taken and HEADER not in headers:
        return ()  # nearly always
    found = [tag.strip() for tag in headers.get(HEADER, b"").decode("latin-1").split(",")]
    if "tags" in taken:
        found += _decode(taken["tags"], list[str], "tags")
    if "litellm_metadata" in taken:
        found += _tags_in(taken["litellm_metadata"], "litellm_metadata")
    if metadata is not None and _MARK in bytes(metadata):
        found += _tags_in(metadata, "metadata")
        _drop_tags(fields, metadata)
    if len(found) > MAX_TAGS:
        raise InvalidRequest(f"A call may have at most {MAX_TAGS} tags.", param="tags")
    return tuple(dict.fromkeys(tag for tag in found if tag))


def _tags_in(metadata: Raw, name: str) -> list[str]:
    return _decode(metadata, _Metadata, name).tags or []


def _drop_tags(fields: Fields, metadata: Raw) -> None:
    rest = msgspec.json.decode(metadata, type=dict[str, Raw])
    rest.pop("tags", None)
    if rest:
        fields["metadata"] = Raw(wire.encode(rest))
    else:
        del fields["metadata"]


def _decode(raw: Raw, type_: type[T], name: str) -> T:
    try:
        return msgspec.json.decode(raw, type=type_)
    except wire.NOT_JSON:
        raise InvalidRequest(f"'{name}' must hold tags as a list of texts.", param=name) from None
