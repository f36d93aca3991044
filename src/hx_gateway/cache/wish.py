"""Read what a caller, its key, or an HTTP header want of the answer cache."""

import re
from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Raw

from hx_gateway.core.call import CacheWish
from hx_gateway.core.errors import Forbidden, InvalidRequest
from hx_gateway.core.principal import CACHE_CONTROLS, Principal

_Seconds = Annotated[float, msgspec.Meta(ge=0)]
_S_MAXAGE = re.compile(r"s-maxage=(\d{1,9})\Z")


class _Controls(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    rename={
        "max_age": "s-maxage",
        "max_age_too": "s-max-age",
        "no_cache": "no-cache",
        "no_store": "no-store",
        "use_cache": "use-cache",
    },
):
    """LiteLLM's `cache` object, in a body or in the metadata of a key."""

    ttl: _Seconds | None = None
    max_age: _Seconds | None = None
    max_age_too: _Seconds | None = None
    no_cache: bool = False
    no_store: bool = False
    use_cache: bool = False
    namespace: Annotated[str, msgspec.Meta(max_length=256)] | None = None


def read_wish(
    body: Raw | None, header: str | None, principal: Principal, *, caching: bool = True
) -> CacheWish | None:
    """Put the wishes of the body, the key and `Cache-Control` together; None when there are none.

    Without `caching` (a field of its own in a body) nothing is looked up or kept. What the key's
    own metadata say wins over the body. Raises InvalidRequest for what cannot be read, Forbidden
    for a control of the body that the key may not use (`allowed_cache_controls`).
    """
    allowed = _allowed(principal)
    own = principal.metadata.get("cache")
    if body is None and header is None and own is None and caching:
        return None
    asked = ({} if caching else {"no-cache": True, "no-store": True}) | _fields(body)
    for name in asked:
        if allowed is not None and name not in allowed:
            raise Forbidden(
                f"This key may not use the cache control '{name[:40]}'.",
                param="cache",
                code="cache_control_not_allowed",
            )
    if header is not None:
        told = _directives(header)
        asked = {n: v for n, v in told.items() if allowed is None or n in allowed} | asked
    if isinstance(own, dict):
        asked |= own
    return _wish(asked)


def _allowed(principal: Principal) -> frozenset[str] | None:
    """Give the controls that a key may use; none named means all, as in LiteLLM."""
    named = principal.metadata.get(CACHE_CONTROLS)
    if not isinstance(named, list | tuple) or not named or "*" in named:
        return None
    return frozenset(str(name) for name in named)


def _fields(body: Raw | None) -> dict[str, object]:
    if body is None:
        return {}
    try:
        return msgspec.json.decode(body, type=dict[str, object] | None) or {}
    except msgspec.ValidationError:
        raise InvalidRequest("'cache' must be an object.", param="cache") from None


def _directives(header: str) -> dict[str, object]:
    """Read the three directives that concern a shared cache; others are not for us (RFC 9111)."""
    found: dict[str, object] = {}
    for part in header.lower().split(","):
        word = part.strip()
        if word in {"no-cache", "no-store"}:
            found[word] = True
        elif (age := _S_MAXAGE.match(word)) is not None:
            found["s-maxage"] = int(age[1])
    return found


def _wish(asked: Mapping[str, object]) -> CacheWish | None:
    try:
        controls = msgspec.convert(asked, _Controls)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"'cache' cannot be read: {error}.", param="cache") from None
    max_age = controls.max_age if controls.max_age is not None else controls.max_age_too
    wish = CacheWish(
        reads=not controls.no_cache,
        writes=not controls.no_store and controls.ttl != 0,
        uses=controls.use_cache,
        ttl_s=controls.ttl or None,
        max_age_s=max_age,
        namespace=controls.namespace or "",
    )
    return None if wish == CacheWish() else wish
