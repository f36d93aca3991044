"""Statements are found, in the engine's own words where it needs them."""

import re

import pytest

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


@pytest.mark.parametrize("name", ["insert_key", "update_key"])
def test_writes_name_every_parameter_once(name: str) -> None:
    numbers = [int(number) for number in re.findall(r"\$(\d+)", load_query(Engine.SQLITE, name))]
    assert sorted(numbers) == list(range(1, 17))
