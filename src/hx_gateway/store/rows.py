"""Turn records into parameters of SQL statements, and rows into records.

Lists and maps are JSON text on both engines; times stay seconds since 1970 as floats.
"""

from collections.abc import Mapping
from typing import TypeGuard, TypeVar

import msgspec

from hx_gateway.core.errors import InvalidRequest
from hx_gateway.core.ports import KeyRecord, StoredResponse, TeamRecord, UserRecord
from hx_gateway.core.wire import decode_any, encode

Value = str | float | bool | None
Record = TypeVar("Record", KeyRecord, TeamRecord, UserRecord, StoredResponse)

_JSON_COLUMNS = frozenset({"models", "scopes", "namespaces", "metadata"})
TAKEN = "A key with this id or alias already exists."
_NUL_REFUSED = "A stored text must not hold a NUL character."


def key_values(key: KeyRecord) -> tuple[Value, ...]:
    """Give the parameters of `insert_key` and `update_key`, in their order.

    Raises InvalidRequest for a NUL character: PostgreSQL can store it neither in text nor in JSON,
    and what one engine refuses the others must refuse too.
    """
    values: tuple[Value, ...] = (
        key.id,
        key.name,
        key.alias,
        key.user_id,
        key.team_id,
        key.tenant,
        _json(key.models),
        _json(sorted(key.scopes)),
        _json(key.namespaces),
        _json(key.metadata),
        key.blocked,
        key.expires_at,
        key.created_at,
        key.created_by,
        key.updated_at,
        key.last_used_at,
    )
    if any(isinstance(value, str) and "\0" in value for value in values):
        raise InvalidRequest(_NUL_REFUSED)
    return values


def response_values(response: StoredResponse) -> tuple[Value, ...]:
    """Give the parameters of `keep_response`; raises InvalidRequest as `key_values` does."""
    values: tuple[Value, ...] = msgspec.structs.astuple(response)
    if any(isinstance(value, str) and "\0" in value for value in values):
        raise InvalidRequest(_NUL_REFUSED)
    return values


def record(row: Mapping[str, object], type_: type[Record]) -> Record:
    """Build a record from a row whose columns have the names of its fields."""
    fields = {
        name: decode_any(value.encode()) if _is_json(value, name) else value
        for name, value in row.items()
    }
    # strict=False: SQLite has no booleans, they come back as 0 and 1.
    return msgspec.convert(fields, type_, strict=False)


def json_list(values: tuple[str, ...]) -> str:
    """Write texts as one parameter."""
    return _json(values)


def whole(value: object) -> int:
    """Take a column that the schema says is a whole number."""
    return msgspec.convert(value, int)


def _json(value: object) -> str:
    text = encode(value).decode()
    if "\\u0000" in text.replace("\\\\", ""):  # an escaped backslash is not an escape
        raise InvalidRequest(_NUL_REFUSED)
    return text


def _is_json(value: object, name: str) -> TypeGuard[str]:
    return name in _JSON_COLUMNS and isinstance(value, str)
