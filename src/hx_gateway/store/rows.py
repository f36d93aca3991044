"""Turn records into parameters of SQL statements, and rows into records.

Lists and maps are JSON text on both engines; times stay seconds since 1970 as floats.
"""

from collections.abc import Mapping, Sequence
from typing import TypeGuard, TypeVar

import msgspec

from hx_gateway.core.errors import InvalidRequest
from hx_gateway.core.ports import KeyRecord, Standing, StoredResponse, TeamRecord, UserRecord
from hx_gateway.core.wire import decode_any, encode

Value = str | float | bool | None
Record = TypeVar("Record", KeyRecord, TeamRecord, UserRecord, StoredResponse)

_JSON_COLUMNS = frozenset({"models", "scopes", "namespaces", "metadata"})
TAKEN = "This id, alias or email is already taken."
_NUL_REFUSED = "A stored text must not hold a NUL character."


def values_of(
    record: KeyRecord | TeamRecord | UserRecord | StoredResponse,
) -> tuple[Value, ...]:
    """Give the parameters of the statement that writes a record: its fields, in order.

    Raises InvalidRequest for a NUL character: PostgreSQL can store it neither in text nor in JSON,
    and what one engine refuses the others must refuse too.
    """
    fields = ((name, getattr(record, name)) for name in record.__struct_fields__)
    values: tuple[Value, ...] = tuple(
        _json(sorted(value) if isinstance(value, frozenset) else value)
        if name in _JSON_COLUMNS
        else value
        for name, value in fields
    )
    if any(isinstance(value, str) and "\0" in value for value in values):
        raise InvalidRequest(_NUL_REFUSED)
    return values


def standing(row: Mapping[str, object]) -> Standing:
    """Build a key with its team and its user from a row with columns such as `team.alias`."""
    parts: dict[str, dict[str, object]] = {"": {}, "team": {}, "user": {}}
    for column, value in row.items():
        noun, _, name = column.rpartition(".")
        parts[noun][name] = value
    team, user = parts["team"], parts["user"]
    return Standing(
        key=record(parts[""], KeyRecord),
        team=None if team["id"] is None else record(team, TeamRecord),
        user=None if user["id"] is None else record(user, UserRecord),
    )


def record(row: Mapping[str, object], type_: type[Record]) -> Record:
    """Build a record from a row whose columns have the names of its fields."""
    fields = {
        name: decode_any(value.encode()) if _is_json(value, name) else value
        for name, value in row.items()
    }
    # strict=False: SQLite has no booleans, they come back as 0 and 1.
    return msgspec.convert(fields, type_, strict=False)


def json_list(values: Sequence[str]) -> str:
    """Write texts as one parameter."""
    return _json(list(values))


def json_map(values: Mapping[str, float]) -> str:
    """Write numbers by name as one parameter."""
    return _json(dict(values))


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
