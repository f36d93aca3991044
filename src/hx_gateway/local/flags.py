"""Make booleans in payloads findable: the engine never matches them (qdrant-edge-py 0.9.0).

Next to the payload goes a list of texts such as `metadata.draft=true`, one for each boolean in
it, and a match on a boolean becomes a match on such a text. Nobody outside this process sees it.
"""

from collections.abc import Iterator, Mapping

FIELD = "_flags"


def flags_of(path: str, value: bool) -> str:  # noqa: FBT001 - the value of a field, not an option
    """Write a boolean at a path (dots between keys, `[]` after an array's key) as a text."""
    return f"{path.replace('[]', '')}={'true' if value else 'false'}"


def with_flags(payload: Mapping[str, object]) -> dict[str, object]:
    """Add the list; a payload without booleans stays as it is."""
    flags = sorted({text for key, value in payload.items() for text in _walk(key, value)})
    return {**payload, FIELD: flags} if flags else dict(payload)


def without_flags(payload: Mapping[str, object]) -> dict[str, object]:
    """Take the list out again."""
    return {key: value for key, value in payload.items() if key != FIELD}


def _walk(path: str, value: object) -> Iterator[str]:
    if isinstance(value, bool):
        yield flags_of(path, value)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _walk(f"{path}.{key}", inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _walk(path, inner)
