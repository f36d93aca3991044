"""JSON in and out: one codec, one set of limits (reliability rules on hostile input).

Top-level fields are kept as `Raw` bytes so that a body can be relayed without being understood.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, TypeVar

import msgspec
from msgspec import Raw

from hx_gateway.core.errors import InvalidRequest, Unprocessable
from hx_gateway.core.strict import TOO_DEEP, check

Fields = dict[str, Raw]
T = TypeVar("T")

MAX_KEYS = 10_000  # at the top level
# What a decoder raises for bytes that are not the JSON it wants.
NOT_JSON = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)
_SKIPPED = msgspec.json.Decoder(Raw)  # checks the form and makes nothing
_FIELDS = msgspec.json.Decoder(Fields)
_ENCODER = msgspec.json.Encoder()
# Made once: a union type costs more to understand than a short value to decode.
_TEXT = msgspec.json.Decoder(str | None)
_BOOL = msgspec.json.Decoder(bool | None)

encode = _ENCODER.encode


def decode_fields(body: bytes) -> Fields:
    """Split a JSON object into its top-level fields; raises InvalidRequest for anything else."""
    try:
        # First, because it is done with a million levels sooner than who looks at each.
        fields = _FIELDS.decode(body)
        check(body)
    except NOT_JSON as error:
        raise InvalidRequest(_why_not_object(body, error), code="invalid_json") from None
    if len(fields) > MAX_KEYS:
        raise InvalidRequest(f"There are more than {MAX_KEYS} fields.", code="invalid_json")
    return fields


def decode_as(body: bytes, type_: type[T]) -> T:
    """Decode a body into a struct; 400 when it is not JSON, 422 when it breaks the schema."""
    try:
        _SKIPPED.decode(body)
        check(body)
        return msgspec.json.decode(body, type=type_)
    except msgspec.ValidationError as error:
        raise Unprocessable(str(error), param=path_of(error)) from None
    except NOT_JSON as error:
        raise InvalidRequest(_why_not_object(body, error), code="invalid_json") from None


def decode_any(body: bytes | Raw) -> Any:
    """Decode into plain values; raises `msgspec.DecodeError`. For trusted or small bodies."""
    return msgspec.json.decode(body)


def path_of(error: msgspec.ValidationError) -> str | None:
    """Find the field that a validation error speaks of (`$.limit` gives `limit`)."""
    _, mark, path = str(error).rpartition(" - at `$")
    return path.rstrip("`").lstrip(".") or None if mark else None


def _why_not_object(body: bytes, error: Exception) -> str:
    if isinstance(error, RecursionError):
        return TOO_DEEP
    if not body.strip():
        return "The request body is empty; a JSON object is needed."
    if isinstance(error, UnicodeDecodeError):
        return "The request body is not UTF-8."
    if not _is_json(body):
        return "The request body is not valid JSON."
    return "The request body must be a JSON object."


def _is_json(body: bytes) -> bool:
    try:
        _SKIPPED.decode(body)
    except NOT_JSON:
        return False
    return True


def is_utf8(body: bytes) -> bool:
    """Tell whether a body is text: what is skipped by a decoder is not looked into."""
    if body.isascii():
        return True
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def raw(value: object) -> Raw:
    """Encode a value to keep it as a top-level field."""
    return Raw(_ENCODER.encode(value))


@lru_cache(maxsize=1024)
def name_raw(name: str) -> Raw:
    """Encode a name that comes again and again (a model's)."""
    return Raw(_ENCODER.encode(name))


def text_field(fields: Mapping[str, Raw], name: str) -> str | None:
    """Read a top-level string; None when absent or null; raises InvalidRequest otherwise."""
    value = fields.get(name)
    if value is None:
        return None
    try:
        text: str | None = _TEXT.decode(value)
    except msgspec.ValidationError:
        raise InvalidRequest(f"'{name}' must be a string.", param=name) from None
    return text


def bool_field(fields: Mapping[str, Raw], name: str) -> bool:
    """Read a top-level boolean; absent or null is False; raises InvalidRequest otherwise."""
    value = fields.get(name)
    if value is None:
        return False
    try:
        return bool(_BOOL.decode(value))
    except msgspec.ValidationError:
        raise InvalidRequest(f"'{name}' must be true or false.", param=name) from None
