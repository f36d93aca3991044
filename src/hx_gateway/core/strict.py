"""What JSON must keep to beyond its grammar, so that every reader of a body reads the same.

Readers differ on a key that is there twice, stop at different depths and round long numbers each
in their own way. The grammar itself, lone surrogates, NaN and a byte order mark are the decoder's.
"""

import re
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw

from hx_gateway.core.errors import InvalidRequest

MAX_DEPTH = 64
MAX_CONTAINERS = 100_000  # lists and objects: each level of them is looked at once
_ROOM = 3 * MAX_CONTAINERS  # a body without room for too many need not be counted
MAX_DIGITS = 32
# Above it only the fields at the top are looked at, and depth is what the decoder bears (hundreds):
# to look for brackets in 10 MiB of somebody's program would hold everybody up for 50 ms.
LARGE = 1024 * 1024
TOO_DEEP = f"JSON is nested deeper than {MAX_DEPTH} levels."

_TYPED_DEPTH = 7  # a decoder of 8 would take a millisecond to make
_ENCODE = msgspec.json.Encoder().encode
_ANY = msgspec.json.Decoder()
_TEXT = msgspec.json.Decoder(str)
_KEY = re.compile(rb'[ \t\r\n]*("(?:[^"\\]|\\.)*")[ \t\r\n]*:[ \t\r\n]*')
_END = re.compile(rb"[ \t\r\n]*[,}]")
_LONG_NUMBER = re.compile(rb"(?<![0-9.])[0-9.]{%d,}" % (MAX_DIGITS + 1))
_DIGIT = bytes(ord("0") if c in b"0123456789." else 0 for c in range(256))
_ONE_KIND = bytes.maketrans(b"{}", b"[]")
_NOT_MARKS = bytes(c for c in range(256) if c not in b'[]{}":')


def _shallow() -> "msgspec.json.Decoder[dict[str, Any]]":
    """Make a decoder of objects that are not deep and have no long whole numbers."""
    scalar: Any = str | Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | float | bool | None
    some: Any = dict[str, scalar]
    many: Any = list[scalar]
    for _ in range(_TYPED_DEPTH - 1):
        some, many = dict[str, scalar | some | many], list[scalar | some | many]
    return msgspec.json.Decoder(some)


_SHALLOW = _shallow().decode


def check(body: bytes) -> None:
    """Refuse an object that two readers could read differently; raises InvalidRequest.

    What reads and writes back to the same bytes is good: nothing was there twice, rounded or deep.
    So the SDKs write, and it costs what it costs to count brackets. Raises what a decoder raises
    where the grammar is broken; what is no object is left to the caller.
    """
    if len(body) > _ROOM:
        if len(body) > LARGE:
            _check_large(body)
            return
        check_depth(body)
    try:
        plain: object = _SHALLOW(body)
    except msgspec.ValidationError:
        check_depth(body)
        _check_numbers(body)
        plain = _decode_any(body)
        if not isinstance(plain, dict):
            return
    written = _ENCODE(plain)
    # Spaces between the parts are no difference.
    if written != body and written != msgspec.json.format(body, indent=-1):
        _check_closely(body, written)


def as_written(body: bytes) -> dict[str, Any] | None:
    """Give an object that is written as we write it, to the byte, so that all readers agree on it.

    None for any other body, whatever is the matter with it. For bodies of at most 300 kB.
    """
    try:
        plain = _SHALLOW(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    return plain if _ENCODE(plain) == body else None


def check_depth(body: bytes) -> None:
    """Refuse nesting deeper than 64 with C-speed operations only (a Python scan would block)."""
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return
    rest = _marks(body).replace(b":", b"")
    if len(rest) > 2 * MAX_CONTAINERS:
        raise _refused("There are too many lists and objects.")
    for _ in range(MAX_DEPTH):
        if not rest:
            return
        shorter = rest.replace(b"[]", b"")  # takes the innermost level away
        if len(shorter) == len(rest):
            return  # unbalanced: the parser will say so
        rest = shorter
    if rest:
        raise _refused(TOO_DEEP)


def count_written_keys(body: bytes) -> int:
    """Count keys as often as they are written: they are followed by the colons outside of texts."""
    return _marks(body).count(b":") if b":" in body else 0


def _check_large(body: bytes) -> None:
    if not body.isascii():
        body.decode()
    if body.lstrip().startswith(b"{"):
        _check_fields(body)


def _decode_any(body: bytes) -> object:
    try:
        return _ANY.decode(body)
    except msgspec.ValidationError:  # of plain values only a number can be wrong
        raise _refused("A number is too large.") from None


def _check_closely(body: bytes, written: bytes) -> None:
    if count_written_keys(body) != count_written_keys(written):
        _check_fields(body)  # to name it, if it is one of the top
        raise _refused("An object has the same key twice.")
    _check_numbers(body)


def _check_fields(body: bytes) -> None:
    """Refuse a field that is there twice, naming it; looks at the top level only."""
    twice = _field_given_twice(body, msgspec.json.decode(body, type=dict[str, Raw]))
    if twice is not None:
        raise InvalidRequest(
            f"'{twice[:100]}' is given twice.", param=twice[:100], code="invalid_json"
        )


def _field_given_twice(body: bytes, fields: dict[str, Raw]) -> str | None:
    """Walk along the fields: they come in the order of first mention, with the last value."""
    at = body.index(b"{") + 1
    for name, value in fields.items():
        found, begin = _key_at(body, at)
        if found != name:
            return found
        kept = bytes(value)
        end = _END.match(body, begin + len(kept)) if body.startswith(kept, begin) else None
        if end is None:
            return name
        at = end.end()
    return _key_at(body, at)[0]


def _key_at(body: bytes, at: int) -> tuple[str | None, int]:
    key = _KEY.match(body, at)
    return (_TEXT.decode(key[1]), key.end()) if key else (None, at)


def _check_numbers(body: bytes) -> None:
    if b"0" * (MAX_DIGITS + 1) not in body.translate(_DIGIT):
        return
    runs: list[bytes] = _LONG_NUMBER.findall(_without_strings(_unescaped(body)))
    if any(len(run.replace(b".", b"")) > MAX_DIGITS for run in runs):
        raise _refused(f"A number has more than {MAX_DIGITS} digits.")


def _marks(body: bytes) -> bytes:
    """Leave of a body its brackets, all square, and its colons."""
    return _without_strings(_unescaped(body).translate(_ONE_KIND, _NOT_MARKS))


def _without_strings(unescaped: bytes) -> bytes:
    return b"".join(unescaped.split(b'"')[::2])


def _unescaped(body: bytes) -> bytes:
    return body.replace(b"\\\\", b"").replace(b'\\"', b"")


def _refused(message: str) -> InvalidRequest:
    return InvalidRequest(message, code="invalid_json")
