"""The beginnings of a prompt that a provider was asked to keep (`cache_control`), as digests.

The same beginning has the same digest however it is marked and whatever follows it, so a longer
conversation finds the deployment that has kept its earlier part.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Raw

from hx_gateway.core import wire
from hx_gateway.routing.estimate import estimate_tokens

LEAST_TOKENS = 1024  # shorter prompts are not kept by the vendors
LOOK_BACK = 20  # how far Anthropic itself looks back from a mark
SHORT_S, LONG_S = 300.0, 3600.0
_MARK = b'"cache_control"'
_PLACES = ("tools", "system", "messages")
_ENCODER = msgspec.json.Encoder(order="sorted")


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """Digests of beginnings: those that are marked, with their time, and all near the last mark."""

    marked: tuple[tuple[str, float], ...] = ()
    digests: tuple[str, ...] = ()


_NOTHING = Kept()


def kept_prefixes(fields: Mapping[str, Raw]) -> Kept:
    """Find the marked beginnings of a call's prompt, the longest first; nearly always none."""
    if not any(_MARK in bytes(fields[name]) for name in _PLACES if name in fields):
        return _NOTHING
    if estimate_tokens(fields) < LEAST_TOKENS:
        return _NOTHING
    chain = hashlib.sha256()
    passed: list[str] = []
    marked: list[tuple[str, float]] = []
    last = 0
    for data, ttl_s in _units(fields):
        chain.update(hashlib.sha256(data).digest())
        passed.append(chain.hexdigest()[:32])
        if ttl_s:
            marked.append((passed[-1], ttl_s))
            last = len(passed)
    near = passed[max(last - LOOK_BACK, 0) : last]
    return Kept(marked=tuple(reversed(marked)), digests=tuple(reversed(near)))


def _units(fields: Mapping[str, Raw]) -> Iterator[tuple[bytes, float]]:
    """Give the prompt piece by piece in the order that providers read it, with each mark's time."""
    for name in _PLACES:
        value = wire.decode_any(fields[name]) if name in fields else None
        if isinstance(value, str):
            yield _ENCODER.encode([name, value]), 0.0
        elif isinstance(value, list):
            for item in value:
                yield from _pieces(name, item)


def _pieces(name: str, item: Any) -> Iterator[tuple[bytes, float]]:
    """Give a tool, a block of a system prompt, or each block of a message."""
    if not isinstance(item, dict):
        yield _ENCODER.encode([name, item]), 0.0
        return
    content = item.get("content")
    if name == "messages" and isinstance(content, str):  # one text, in either of its forms
        content = [{"type": "text", "text": content}]
    if name != "messages" or not isinstance(content, list) or not content:
        yield _ENCODER.encode([name, _unmarked(item)]), _ttl_s((item, item.get("function")))
        return
    around = {key: value for key, value in item.items() if key not in {"content", "cache_control"}}
    for number, block in enumerate(content):
        is_last = number == len(content) - 1
        ttl_s = _ttl_s((block, item if is_last else None))
        yield _ENCODER.encode([name, around, _unmarked(block)]), ttl_s


def _unmarked(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    kept = {key: part for key, part in value.items() if key != "cache_control"}
    if isinstance(kept.get("function"), dict):
        kept["function"] = _unmarked(kept["function"])
    return kept


def _ttl_s(carriers: Iterable[Any]) -> float:
    """Read for how long a piece is to be kept; 0 when it is not marked."""
    for carrier in carriers:
        control = carrier.get("cache_control") if isinstance(carrier, dict) else None
        if isinstance(control, dict) and control.get("type") == "ephemeral":
            return LONG_S if control.get("ttl") == "1h" else SHORT_S
    return 0.0
