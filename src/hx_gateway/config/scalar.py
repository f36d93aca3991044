"""Read one setting as its type, from YAML or from the text of an environment variable.

Error texts never repeat the value: it may be a secret.
"""

import re
from collections.abc import Callable, Mapping
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from pathlib import Path
from types import MappingProxyType

from hx_gateway.core.route import OnDisconnect
from hx_gateway.core.secret import Secret
from hx_gateway.core.usage import NANOS_PER_USD

_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})
_WHOLE = re.compile(r"([+-]?\d{1,18})(?:\.0+)?")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w|mo)?\Z")
_DRAIN = re.compile(r"drain\s*(?:\(\s*(.*?)\s*\))?\Z")
_DRAIN_S = 60.0
MAX_USD = 1_000_000_000
_SECONDS = MappingProxyType(
    {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "mo": 2592000}
)


def read_bool(value: object) -> bool:
    """Read true/false, yes/no, on/off, 1/0 in any case."""
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word not in _TRUE | _FALSE:
        raise ValueError("must be true or false")
    return word in _TRUE


def read_int(value: object) -> int:
    """Read a whole number, also one that is written as 60.0."""
    found = None if isinstance(value, bool) else _WHOLE.fullmatch(str(value).strip())
    if found is None:
        raise ValueError("must be a whole number")
    return int(found[1])


def read_float(value: object) -> float:
    """Read a finite number; text may be a duration such as `30s` or `5m` (gives seconds)."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("must be a number")  # noqa: TRY004 - one exception for all readers
    if isinstance(value, str):
        found = _DURATION.match(value.strip())
        if found is None:
            raise ValueError("must be a number, or a time such as 30s, 5m or 1h")
        return float(found[1]) * _SECONDS[found[2] or "s"]
    number = float(value)
    if not abs(number) < float("inf"):
        raise ValueError("must be a finite number")
    return number


def read_usd(value: object) -> int:
    """Read US dollars into nano-dollars, rounded up; YAML makes a text of `1e-12`."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("must be a number of dollars")  # noqa: TRY004 - as above
    try:
        dollars = Decimal(str(value).strip())
    except InvalidOperation:
        raise ValueError("must be a number of dollars") from None
    if not dollars.is_finite() or not 0 <= dollars <= MAX_USD:
        raise ValueError(f"must be from 0 to {MAX_USD} dollars")
    return int((dollars * NANOS_PER_USD).to_integral_value(ROUND_CEILING))


def read_text(value: object) -> str:
    """Read a non-empty text; a number is taken as it is written."""
    if isinstance(value, bool):
        # YAML takes on, yes and no for booleans.
        raise ValueError("must be a text; put it in quotes")  # noqa: TRY004 - as above
    if not isinstance(value, str | int | float) or value == "":
        raise ValueError("must be a text")
    return str(value)


def read_texts(value: object) -> tuple[str, ...]:
    """Read a list of texts, or one text with commas."""
    if isinstance(value, list):
        return tuple(read_text(item) for item in value)
    return tuple(part for item in read_text(value).split(",") if (part := item.strip()))


def read_groups(value: object) -> tuple[tuple[str, ...], ...]:
    """Read a list of lists of texts."""
    if not isinstance(value, list):
        raise ValueError("must be a list of lists of names")  # noqa: TRY004 - as above
    return tuple(read_texts(group) for group in value)


def read_patterns(value: object) -> tuple[str, ...]:
    """Read a list of regular expressions; commas belong to them."""
    texts = tuple(map(read_text, value)) if isinstance(value, list) else (read_text(value),)
    for text in texts:
        try:
            re.compile(text)
        except re.error:
            raise ValueError("must be a list of regular expressions") from None
    return texts


def read_header(value: object) -> bytes:
    """Read the name of an HTTP header (RFC 9110 token), in small letters."""
    name = read_text(value).lower()
    if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9a-z-]+", name):
        raise ValueError("must be the name of an HTTP header")
    return name.encode()


def read_numbers(value: object) -> Mapping[str, float]:
    """Read a mapping of names to numbers."""
    if not isinstance(value, dict):
        raise ValueError("must be a mapping")  # noqa: TRY004 - one exception for all readers
    return {key: read_float(number) for key, number in value.items()}


def read_on_disconnect(value: object) -> OnDisconnect:
    """Read `cancel`, `drain` or `drain(max_seconds)`."""
    text = str(value).strip().lower()
    found = _DRAIN.match(text)
    if text != "cancel" and found is None:
        raise ValueError("must be cancel, drain or drain(seconds)")
    if found is None:
        return OnDisconnect()
    seconds = _DRAIN_S if found[1] is None else read_float(found[1])
    if seconds <= 0:
        raise ValueError("must be more than 0 seconds")
    return OnDisconnect(seconds)


READERS: Mapping[object, Callable[[object], object]] = MappingProxyType(
    {
        bool: read_bool,
        int: read_int,
        int | None: read_int,
        float: read_float,
        str: read_text,
        str | None: read_text,
        tuple[str, ...]: read_texts,
        tuple[tuple[str, ...], ...]: read_groups,
        bytes | None: read_header,
        Path | None: lambda value: Path(read_text(value)),
        Secret | None: lambda value: Secret(read_text(value)),
        tuple[Secret, ...]: lambda value: tuple(Secret(text) for text in read_texts(value)),
        Mapping[str, float]: read_numbers,
        OnDisconnect: read_on_disconnect,
    }
)
