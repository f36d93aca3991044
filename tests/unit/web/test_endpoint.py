"""A visit knows its caller, or that there is none."""

import pytest

from hx_gateway.core.http import Request
from hx_gateway.core.principal import Principal, Scope
from hx_gateway.web.endpoint import Visit

REQUEST = Request("GET", "/", "", {})


def test_an_open_route_has_no_caller() -> None:
    with pytest.raises(AssertionError):
        Visit("v", REQUEST).caller  # noqa: B018 - reading it is the test


def test_a_caller_is_the_principal() -> None:
    principal = Principal(key_id="k", scopes=frozenset({Scope.ANY}))
    assert Visit("v", REQUEST, principal).caller is principal
