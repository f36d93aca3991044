"""rights(child) ⊆ rights(creator), by table and by search."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.keystore import record_of

from hx_gateway.auth.identify import MASTER
from hx_gateway.auth.keyring import judge
from hx_gateway.auth.policy import allows_model
from hx_gateway.core.errors import Forbidden, InvalidRequest
from hx_gateway.core.ports import KeyRecord, Standing, TeamRecord
from hx_gateway.core.principal import GRANTABLE, Principal, Scope
from hx_gateway.manage.grant import (
    check_within,
    granted_bound,
    granted_expiry,
    granted_home,
    granted_names,
    granted_scopes,
    granted_tenant,
)

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


BOUND = Principal(key_id="k", scopes=frozenset({Scope.ADMIN}), user_id="u", within=(("a", "b"),))
TEAMED = msgspec.structs.replace(BOUND, team_id="t")


@pytest.mark.parametrize(
    ("creator", "wanted", "given"),
    [
        (ADMIN, (None, None), (None, None)),
        (ADMIN, ("v", "w"), ("v", "w")),
        (TEAMED, (None, None), (None, "t")),
        (TEAMED, ("v", "t"), ("v", "t")),
        (TEAMED, (None, "w"), None),
        (BOUND, (None, None), ("u", None)),
        (BOUND, ("u", None), ("u", None)),
        (BOUND, ("v", None), None),
        (BOUND, (None, "t"), None),
    ],
)
def test_who_is_bound_hands_the_bound_on(
    creator: Principal,
    wanted: tuple[str | None, str | None],
    given: tuple[str | None, str | None] | None,
) -> None:
    if given is None:
        with pytest.raises(Forbidden):
            granted_home(creator, *wanted)
    else:
        assert granted_home(creator, *wanted) == given


@pytest.mark.parametrize(
    ("creator", "wanted", "given"),
    [
        (MASTER, (), ()),
        (MASTER, ("x",), ("x",)),
        (BOUND, ("a",), ("a",)),
        (BOUND, (), ("a", "b")),
        (BOUND, ("a", "x"), None),
        (msgspec.structs.replace(BOUND, models=("a", "x")), ("a",), ("a",)),
        (msgspec.structs.replace(BOUND, models=("a", "x")), ("x",), None),
        (msgspec.structs.replace(BOUND, models=("a", "x")), (), None),
    ],
)
def test_a_bound_is_widened_only_to_what_the_caller_has(
    creator: Principal, wanted: tuple[str, ...], given: tuple[str, ...] | None
) -> None:
    if given is None:
        with pytest.raises(Forbidden):
            granted_bound(creator, wanted)
    else:
        assert granted_bound(creator, wanted) == given


@pytest.mark.parametrize(
    ("fields", "within"),
    [
        ({}, True),
        ({"models": ("a",), "scopes": frozenset({Scope.INFERENCE})}, True),
        ({"models": ()}, False),
        ({"models": ("b",)}, False),
        ({"namespaces": ()}, False),
        ({"tenant": "other"}, False),
        ({"expires_at": None}, False),
        ({"expires_at": 1001.0}, False),
        ({"scopes": frozenset({Scope.ADMIN})}, False),
        ({"team_id": "t"}, True),
    ],
)
def test_an_existing_key_is_within_ones_rights_or_not(
    fields: dict[str, object], within: bool
) -> None:
    caller = Principal(
        key_id="k",
        scopes=frozenset({Scope.INFERENCE, Scope.RAG_READ}),
        models=("a",),
        namespaces=("n*",),
        tenant="acme",
        expires_at=1000.0,
    )
    own: dict[str, object] = {"models": ("a",), "namespaces": ("n1",), "tenant": "acme"}
    key = msgspec.structs.replace(record_of(), **{**own, "expires_at": 999.0, **fields})
    if within:
        check_within(caller, key)
    else:
        with pytest.raises(Forbidden):
            check_within(caller, key)
    check_within(MASTER, key)


TEXT = st.text("ab-", max_size=4)
PATTERN = st.builds("{}{}{}".format, TEXT, st.sampled_from(["", "*"]), TEXT).filter(bool)
NAMES = st.lists(PATTERN | st.just("all-proxy-models"), max_size=3).map(tuple)


SCOPES = st.frozensets(st.sampled_from(sorted(GRANTABLE)))
HOME = st.none() | st.sampled_from(["t", "v"])
ENDS = st.none() | st.sampled_from([5.0, 9.0])


def principal_of(key: KeyRecord, bounds: dict[str, tuple[str, ...]]) -> Principal:
    """The caller behind a key, where the teams `t` and `v` are bound by these models."""
    team = None
    if key.team_id is not None:
        models = bounds[key.team_id]
        team = TeamRecord(id=key.team_id, models=models, created_at=0.0, updated_at=0.0)
    found = judge(Standing(key=key, team=team), key.id, 0.0)
    assert isinstance(found, Principal)
    return found


@given(
    own=st.fixed_dictionaries(
        {"models": NAMES, "scopes": SCOPES, "team_id": HOME, "expires_at": ENDS}
    ),
    theirs=st.fixed_dictionaries(
        {"models": NAMES, "scopes": SCOPES, "team_id": HOME, "expires_at": ENDS}
    ),
    bounds=st.fixed_dictionaries({"t": NAMES, "v": NAMES}),
    model=TEXT.filter(bool),
)
def test_a_key_within_ones_rights_can_do_nothing_more(
    own: dict[str, object],
    theirs: dict[str, object],
    bounds: dict[str, tuple[str, ...]],
    model: str,
) -> None:
    caller, key = principal_of(record_of("sk-own", **own), bounds), record_of("sk-it", **theirs)
    try:
        check_within(caller, key)
    except (Forbidden, InvalidRequest):
        return
    other = principal_of(key, bounds)
    assert allows_model(caller, model) or not allows_model(other, model)
    assert all(caller.has_scope(scope) for scope in other.scopes)
    assert (other.expires_at or 1e9) <= (caller.expires_at or 1e9)


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
