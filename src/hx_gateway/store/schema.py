"""Say in a sentence fit for a client why the store cannot be served from its schema."""

from hx_gateway.core.errors import DependencyError

_TEXTS = {
    "schema_missing": "schema missing",
    "schema_outdated": "schema older than this program",
    "schema_newer": "schema newer than this program",
    "schema_ledger_missing": "the tables are there, but not the record of how they were made",
    "schema_half_written": "a migration was begun and not finished",
    "schema_changed": "a migration was changed after it was applied",
    "schema_tables_missing": "tables are missing although their migrations were applied",
}


def schema_error(role: str, code: str) -> DependencyError:
    """Make the error of a store whose schema is not the one that this program needs."""
    return DependencyError(role, f"{role}: {_TEXTS[code]}.", code=code)
