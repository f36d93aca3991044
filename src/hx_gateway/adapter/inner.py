"""Take out what lies deeper in a body: LiteLLM's paths such as `tools[*].function.strict`.

A path names fields by dots, all items of a list by `[*]`, one by `[0]`. Items themselves stay.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Raw

from hx_gateway.core import wire

MAX_PARTS = 20
_PARTS = re.compile(r"[^.\[\]]+|\[(?:\*|\d{1,6})\]")


def is_inner(path: str) -> bool:
    """Say whether a path leads into a field."""
    return "." in path or "[" in path


def without_inner(
    fields: Mapping[str, Raw], paths: Iterable[str]
) -> tuple[Mapping[str, Raw], tuple[str, ...]]:
    """Give the fields without what the paths lead to, and the paths that led to something."""
    changed: dict[str, Raw] = {}
    taken: list[str] = []
    for path in sorted(paths):
        top, *rest = _PARTS.findall(path)[:MAX_PARTS] or ("",)
        raw = changed.get(top, fields.get(top))
        if raw is None or not rest or not is_inner(path):
            continue
        value = wire.decode_any(raw)
        if _take(value, rest):
            changed[top] = wire.raw(value)
            taken.append(path)
    return ({**fields, **changed} if changed else fields), tuple(taken)


def _take(value: Any, parts: Sequence[str]) -> int:
    """Remove from a decoded value in place; gives how many there were."""
    part, *rest = parts
    if part.startswith("["):
        if not isinstance(value, list) or not rest:
            return 0
        items = value if part == "[*]" else value[int(part[1:-1]) :][:1]
        return sum(_take(item, rest) for item in items)
    if not isinstance(value, dict) or part not in value:
        return 0
    if rest:
        return _take(value[part], rest)
    del value[part]
    return 1
