"""Records survive the way into parameters and back out of rows."""

import pytest
from tests.support.records import key_record

from hx_gateway.core.errors import InvalidRequest
from hx_gateway.core.ports import KeyRecord, TeamRecord
from hx_gateway.core.principal import Scope
from hx_gateway.store.rows import json_list, record, values_of, whole

COLUMNS = [
    "id",
    "name",
    "alias",
    "user_id",
    "team_id",
    "tenant",
    "models",
    "scopes",
    "namespaces",
    "metadata",
    "blocked",
    "expires_at",
    "created_at",
    "created_by",
    "updated_at",
    "last_used_at",
]


def test_a_key_comes_back_from_its_own_values() -> None:
    key = key_record(models=("a", "b"), metadata={"x": [1, {"y": None}]}, expires_at=1.25)
    assert record(dict(zip(COLUMNS, values_of(key), strict=True)), KeyRecord) == key


def test_scopes_are_written_in_one_order() -> None:
    key = key_record(scopes=frozenset({Scope.RAG_WRITE, Scope.ADMIN, Scope.INFERENCE}))
    assert values_of(key)[COLUMNS.index("scopes")] == '["admin","inference","rag:write"]'


@pytest.mark.parametrize(("stored", "value"), [(1, True), (0, False), (True, True)])
def test_booleans_may_be_stored_as_numbers(stored: object, value: bool) -> None:
    row = {
        "id": "t",
        "models": "[]",
        "metadata": "{}",
        "blocked": stored,
        "created_at": 1.0,
        "updated_at": 2.0,
    }
    assert record(row, TeamRecord).blocked is value


@pytest.mark.parametrize(
    ("field", "value", "refused"),
    [
        ("alias", "a\0", True),
        ("user_id", "\0", True),
        ("metadata", {"k": "\0"}, True),
        ("metadata", {"\0": 1}, True),
        ("models", ("\0",), True),
        ("metadata", {"k": "\\u0000"}, False),  # a backslash and letters, no NUL
        ("alias", "\\u0000", False),
    ],
)
def test_only_a_real_nul_is_refused(field: str, value: object, refused: bool) -> None:
    key = key_record(1, **{field: value})
    if refused:
        with pytest.raises(InvalidRequest):
            values_of(key)
    else:
        assert values_of(key)


def test_lists_are_one_parameter() -> None:
    assert json_list(("a", 'b"')) == '["a","b\\""]'


def test_a_number_that_is_none_is_an_error() -> None:
    assert whole(3) == 3
    with pytest.raises(ValueError, match="int"):
        whole("3")
