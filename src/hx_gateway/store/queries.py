"""Load the SQL statements of an engine from their files, one statement a file.

Both engines read `$1` as a parameter (SQLite takes it for a name), so most statements are shared.
Where they cannot be, a file of the same name in the engine's own folder is used instead.
"""

from enum import StrEnum
from pathlib import Path

import msgspec

_FOLDER = Path(__file__).parent / "sql" / "queries"


class Engine(StrEnum):
    """A database that we speak to; the value names its folder of SQL files."""

    SQLITE = "sqlite"
    POSTGRES = "postgres"


class Queries(msgspec.Struct, frozen=True, kw_only=True):
    """The statements that the store and the migrations use, each by the name of its file."""

    get_standing: str
    get_key: str
    find_key_by_alias: str
    list_keys: str
    count_keys: str
    insert_key: str
    update_key: str
    delete_keys: str
    touch_keys: str
    get_team: str
    list_teams: str
    insert_team: str
    update_team: str
    delete_teams: str
    delete_team_keys: str
    get_user: str
    list_users: str
    insert_user: str
    update_user: str
    delete_users: str
    delete_user_keys: str
    revocation_epoch: str
    bump_epoch: str
    keep_response: str
    get_response: str
    delete_response: str
    sweep_responses: str
    list_tables: str
    list_migrations: str
    create_ledger: str
    record_migration: str


def load_queries(engine: Engine) -> Queries:
    """Read all statements of an engine."""
    return Queries(**{name: load_query(engine, name) for name in Queries.__struct_fields__})


def load_query(engine: Engine, name: str) -> str:
    """Read one statement; the engine's own file wins over the shared one."""
    own = _FOLDER / engine / f"{name}.sql"
    path = own if own.exists() else _FOLDER / f"{name}.sql"
    return path.read_text(encoding="utf-8")
