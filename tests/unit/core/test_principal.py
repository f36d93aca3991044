"""Scopes of a caller."""

import pytest

from hx_gateway.core.principal import Principal, Scope


@pytest.mark.parametrize(
    ("has", "wants", "may"),
    [
        ({Scope.INFERENCE}, Scope.INFERENCE, True),
        ({Scope.INFERENCE}, Scope.RAG_WRITE, False),
        ({Scope.INFERENCE}, Scope.ADMIN, False),
        ({Scope.ADMIN}, Scope.RAG_WRITE, True),
        (set(), Scope.ANY, True),
        (set(), Scope.INFERENCE, False),
    ],
)
def test_scopes(has: set[Scope], wants: Scope, may: bool) -> None:
    assert Principal(key_id="k", scopes=frozenset(has)).has_scope(wants) is may
