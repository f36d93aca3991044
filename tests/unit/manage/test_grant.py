"""rights(child) ⊆ rights(creator), by table and by search."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hx_gateway.auth.identify import MASTER
from hx_gateway.auth.policy import allows_model
from hx_gateway.core.errors import Forbidden, InvalidRequest
from hx_gateway.core.principal import GRANTABLE, Principal, Scope
from hx_gateway.manage.grant import granted_expiry, granted_names, granted_scopes, granted_tenant

ADMIN = Principal(key_id="k", scopes=frozenset({Scope.ADMIN}), tenant="acme", expires_at=1000.0)
PLAIN = Principal(key_id="k", scopes=frozenset({Scope.INFERENCE, Scope.RAG_WRITE}))


def test_admin_may_give_every_scope_and_others_only_their_own() -> None:
    assert granted_scopes(ADMIN, tuple(GRANTABLE)) == GRANTABLE
    assert granted_scopes(PLAIN, ("inference",)) == {Scope.INFERENCE}
    for scope in ("admin", "rag:read"):
        with pytest.raises(Forbidden):
            granted_scopes(PLAIN, (scope,))


def test_default_scopes_are_those_that_the_creator_has() -> None:
    assert granted_scopes(PLAIN, None) == {Scope.INFERENCE}
    assert granted_scopes(MASTER, None) == {Scope.INFERENCE, Scope.RAG_READ}
    assert granted_scopes(MASTER, ()) == frozenset()


@pytest.mark.parametrize("name", ["open", "any", "root", ""])
def test_a_scope_that_nobody_grants_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest):
        granted_scopes(MASTER, (name,))


@pytest.mark.parametrize(
    ("own", "wanted", "given"),
    [
        ((), ("a", "b/*"), ("a", "b/*")),
        ((), (), ()),
        (("a",), (), ("a",)),
        (("a",), ("a",), ("a",)),
        (("a",), ("b",), None),
        (("a/*",), ("a/b",), ("a/b",)),
        (("a/*",), ("a/b*",), ("a/b*",)),
        (("a/*",), ("*",), None),
        (("a/b",), ("a/*",), None),
        (("*",), ("anything", "all-proxy-models"), ("anything", "all-proxy-models")),
        (("all-proxy-models",), ("anything",), ("anything",)),
        (("all-*",), ("all-proxy-models",), None),
        (("all-*",), ("all-minilm",), ("all-minilm",)),
    ],
)
def test_names(
    own: tuple[str, ...], wanted: tuple[str, ...], given: tuple[str, ...] | None
) -> None:
    if given is None:
        with pytest.raises(Forbidden) as refusal:
            granted_names("models", wanted, own)
        assert refusal.value.param == "models"
    else:
        assert granted_names("models", wanted, own) == given


@pytest.mark.parametrize("name", ["", "a*b*c", "**"])
def test_a_name_that_is_no_pattern_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest):
        granted_names("models", (name,), ())


def test_only_the_master_key_chooses_a_tenant() -> None:
    assert granted_tenant(ADMIN, None) == "acme"
    assert granted_tenant(ADMIN, "acme") == "acme"
    assert granted_tenant(MASTER, "other") == "other"
    with pytest.raises(Forbidden):
        granted_tenant(ADMIN, "other")


def test_a_key_does_not_outlive_its_creator() -> None:
    assert granted_expiry(MASTER, None) is None
    assert granted_expiry(ADMIN, None) == 1000.0
    assert granted_expiry(ADMIN, 999.0) == 999.0
    with pytest.raises(Forbidden):
        granted_expiry(ADMIN, 1001.0)


TEXT = st.text("ab-", max_size=4)
PATTERN = st.builds("{}{}{}".format, TEXT, st.sampled_from(["", "*"]), TEXT).filter(bool)
NAMES = st.lists(PATTERN | st.just("all-proxy-models"), max_size=3).map(tuple)


@given(
    own=NAMES, wanted=NAMES, model=TEXT.filter(bool), groups=st.lists(TEXT.filter(bool), max_size=2)
)
def test_a_child_reaches_no_model_that_its_creator_does_not(
    own: tuple[str, ...], wanted: tuple[str, ...], model: str, groups: list[str]
) -> None:
    try:
        given_names = granted_names("models", wanted, own)
    except (Forbidden, InvalidRequest):
        return
    creator = Principal(key_id="c", scopes=frozenset(), models=own)
    child = Principal(key_id="d", scopes=frozenset(), models=given_names)
    assert allows_model(creator, model, groups) or not allows_model(child, model, groups)
