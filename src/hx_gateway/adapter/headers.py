"""Which of a client's headers an upstream is sent: those on its list, and only known values."""

import re
from collections.abc import Mapping

from hx_gateway.core.http import Header
from hx_gateway.core.provider import Provider

# A value goes into a header of ours only if it is as harmless as the vendors' own are.
_HARMLESS = re.compile(rb"[a-z0-9-]{1,64}")


def client_headers(
    provider: Provider, sent: Mapping[bytes, bytes]
) -> tuple[tuple[Header, ...], tuple[str, ...]]:
    """Give the headers that go on, the vendor's own filling in, and notes of what stays behind."""
    if not provider.client_headers or not sent:
        return provider.headers, ()
    kept: list[Header] = []
    notes: list[str] = []
    for name, allowed in provider.client_headers.items():
        value = sent.get(name)
        if value is not None and allowed is not None:
            value = _known(name, value, allowed, notes)
        if value:
            kept.append((name, value))
    given = {name for name, _ in kept}
    kept.extend(header for header in provider.headers if header[0] not in given)
    return tuple(kept), tuple(notes)


def _known(name: bytes, value: bytes, allowed: frozenset[bytes], notes: list[str]) -> bytes:
    values = [item.strip() for item in value.split(b",")]
    for item in values:
        if item and item not in allowed:
            shown = b"=" + item if _HARMLESS.fullmatch(item) else b""
            notes.append(f"drop:{(name + shown).decode()}")
    return b",".join(item for item in values if item in allowed)
