"""Find where in an answer's JSON content stands, to notice what a rewriting would lose.

An answer that goes out in the form it came in keeps everything. Put together from a stream, or made
into one, it keeps what events can say; vendors say more (sounds, citations, results of searches).
"""

from collections.abc import Mapping

import msgspec

# Below these keys stands what a model said, in all formats; elsewhere is what is known about it.
_CONTENT = frozenset(
    {
        "choices",
        "citations",
        "content",
        "content_block",
        "delta",
        "item",
        "output",
        "part",
        "search_results",
    }
)
_WRAPPERS = frozenset({"message", "response"})
# What is said about content, and is not missed.
_NOISE = frozenset(
    {
        "content_filter_offsets",
        "content_filter_results",
        "finish_reason",
        "id",
        "index",
        "native_finish_reason",
        "object",
        "obfuscation",
        "role",
        "status",
        "stop_reason",
    }
)


def content_of(data: bytes) -> set[str] | None:
    """Give the places where a JSON body has content; None when it cannot be read.

    A place is a path of keys; that of a `type` has its value, as other types say other things.
    """
    try:
        value = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    found: set[str] = set()
    if isinstance(value, dict):
        _look(value, found)
    return found


def _look(value: Mapping[str, object], found: set[str]) -> None:
    for key, inner in value.items():
        if key in _CONTENT:
            _walk(inner, key, found)
        elif key in _WRAPPERS and isinstance(inner, dict):
            _look(inner, found)


def _walk(value: object, path: str, found: set[str]) -> None:
    if not value:  # null, false, 0 and what is empty say nothing
        return
    if isinstance(value, dict):
        for key, inner in value.items():
            if key not in _NOISE:
                _walk(inner, f"{path}.{key}", found)
    elif isinstance(value, list):
        for inner in value:
            _walk(inner, path, found)
    else:
        found.add(f"{path}={value}" if path.endswith(".type") else path)
