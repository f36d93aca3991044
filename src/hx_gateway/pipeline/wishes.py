"""What a caller may decide about its own call: retries, time, fallbacks, region. LiteLLM's names.

Read once, before anything is chosen. A wish never widens what the key may do: fallbacks are held
against its models, and their fields against what a request may set.
"""

import re
from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta, Raw

from hx_gateway.core import wire
from hx_gateway.core.call import Detour, Wishes
from hx_gateway.core.errors import InvalidRequest
from hx_gateway.pipeline.controls import take_controls

HEADERS = frozenset(
    {
        b"x-litellm-num-retries",
        b"x-litellm-priority",
        b"x-litellm-stream-timeout",
        b"x-litellm-timeout",
    }
)
_NUMBER = re.compile(rb"(0|[1-9][0-9]{0,9})(\.[0-9]{1,9})?")
_Retries = Annotated[int, Meta(ge=0, le=100)]
_Priority = Annotated[int, Meta(ge=0, le=1_000_000)]
_Seconds = Annotated[float, Meta(gt=0, le=86_400)]
_Item = str | dict[str, Raw]


class _Wished(msgspec.Struct, kw_only=True):
    """The fields as they stand in a body; headers go before them."""

    num_retries: _Retries | None = None
    timeout: _Seconds | None = None
    stream_timeout: _Seconds | None = None
    disable_fallbacks: bool | None = None
    fallbacks: list[_Item] | None = None
    context_window_fallbacks: list[_Item] | None = None
    content_policy_fallbacks: list[_Item] | None = None
    allowed_model_region: str | None = None
    priority: _Priority | None = None


FIELDS = frozenset(_Wished.__struct_fields__)
_NOTHING = Wishes()


def read_wishes(
    taken: Mapping[str, Raw], headers: Mapping[bytes, bytes], model: str
) -> Wishes | None:
    """Read the wishes of a call; None when it has none. Raises InvalidRequest."""
    if FIELDS.isdisjoint(taken) and HEADERS.isdisjoint(headers):
        return None
    given = {name: taken[name] for name in FIELDS if name in taken}
    for header in HEADERS.intersection(headers):
        name = header.decode().removeprefix("x-litellm-").replace("-", "_")
        given[name] = _number(headers[header], name)
    try:
        wished = msgspec.json.decode(wire.encode(given), type=_Wished)
    except wire.NOT_JSON as error:
        path = wire.path_of(error) if isinstance(error, msgspec.ValidationError) else None
        raise InvalidRequest(
            f"'{path or 'fallbacks'}' has a value that cannot be used.", param=path
        ) from None
    wishes = Wishes(
        retries=wished.num_retries,
        timeout_s=wished.timeout,
        stream_timeout_s=wished.stream_timeout,
        use_fallbacks=not wished.disable_fallbacks,
        fallbacks=_detours(wished.fallbacks, model),
        context_window_fallbacks=_detours(wished.context_window_fallbacks, model),
        content_policy_fallbacks=_detours(wished.content_policy_fallbacks, model),
        region=wished.allowed_model_region,
        priority=wished.priority,
    )
    return None if wishes == _NOTHING else wishes


def _number(text: bytes, name: str) -> Raw:
    """Take a header into the JSON that is read: a number, and nothing more."""
    if not _NUMBER.fullmatch(text):
        header = f"x-litellm-{name.replace('_', '-')}"
        raise InvalidRequest(f"The header '{header}' must be a number.", param=name)
    return Raw(text)


def _detours(items: list[_Item] | None, model: str) -> tuple[Detour, ...]:
    """Read a list of names, of `{model, ...}`, or of LiteLLM's `{from: [to, ...]}`."""
    found: list[Detour] = []
    for item in items or ():
        if isinstance(item, str):
            found.append(Detour(model=item))
        elif "model" in item:
            found.append(_with_changes(item))
        else:
            found += [Detour(model=name) for name in _names(item.get(model, item.get("*")))]
    return tuple(found)


def _with_changes(fields: dict[str, Raw]) -> Detour:
    """Read a fallback that changes the body; refuses what a request may not set, here as well."""
    take_controls(fields)
    model = wire.text_field(fields, "model")
    if not model:
        raise InvalidRequest("A fallback must name its model.", param="fallbacks")
    return Detour(model=model, fields=fields)


def _names(targets: Raw | None) -> list[str]:
    if targets is None:
        return []
    try:
        return msgspec.json.decode(targets, type=list[str])
    except wire.NOT_JSON:
        raise InvalidRequest("A fallback must be a list of models.", param="fallbacks") from None
