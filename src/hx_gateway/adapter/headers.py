"""Which of a client's headers a vendor is sent: those on its list, and only known values."""

from collections.abc import Mapping

from hx_gateway.core.http import Header
from hx_gateway.core.provider import Provider


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
    # The note goes into a header of ours, so it names the header only and not what was sent.
    if any(item not in allowed for item in values):
        notes.append(f"drop:{name.decode()}")
    return b",".join(item for item in values if item in allowed)
