"""Statements are found, in the engine's own words where it needs them."""

import re

import msgspec
import pytest

from hx_gateway.core.ports import KeyRecord, TeamRecord, UserRecord
from hx_gateway.store.queries import Engine, Queries, load_queries, load_query

ENGINES = list(Engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_every_statement_has_a_file(engine: Engine) -> None:
    queries = load_queries(engine)
    assert all(getattr(queries, name).strip() for name in Queries.__struct_fields__)


def test_the_engines_own_file_wins() -> None:
    assert "json_each" in load_query(Engine.SQLITE, "delete_keys")
    assert "jsonb_array_elements_text" in load_query(Engine.POSTGRES, "delete_keys")


def test_an_unknown_statement_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        load_query(Engine.SQLITE, "drop_everything")


@pytest.mark.parametrize(
    ("noun", "type_"), [("key", KeyRecord), ("team", TeamRecord), ("user", UserRecord)]
)
def test_writes_name_the_fields_of_a_record_in_order(
    noun: str, type_: type[msgspec.Struct]
) -> None:
    fields = list(type_.__struct_fields__)
    insert = load_query(Engine.SQLITE, f"insert_{noun}")
    columns = re.search(r"\(([^)]*)\)", insert)
    assert columns is not None
    assert re.findall(r"\w+", columns[1]) == fields
    assert re.findall(r"\$\d+", insert) == [f"${number}" for number, _ in enumerate(fields, 1)]
    update = load_query(Engine.SQLITE, f"update_{noun}")
    pairs = [f"{name} = ${number}" for number, name in enumerate([*fields, "id"], 1)]
    assert re.findall(r"\w+ = \$\d+", update) == pairs
