"""What a caller may do, as tables."""

import pytest

from hx_gateway.auth.policy import allows_model, allows_namespace, check_model, check_scope, matches
from hx_gateway.core.errors import Forbidden
from hx_gateway.core.principal import Principal, Scope


def having(
    *scopes: Scope, models: tuple[str, ...] = (), namespaces: tuple[str, ...] = ()
) -> Principal:
    return Principal(key_id="k", scopes=frozenset(scopes), models=models, namespaces=namespaces)


@pytest.mark.parametrize("needed", list(Scope))
@pytest.mark.parametrize("has", [scope for scope in Scope if scope not in {Scope.OPEN, Scope.ANY}])
def test_scope_is_needed_itself_or_admin(has: Scope, needed: Scope) -> None:
    fits = needed in {has, Scope.OPEN, Scope.ANY} or has is Scope.ADMIN
    if fits:
        check_scope(having(has), needed)
        return
    with pytest.raises(Forbidden) as refusal:
        check_scope(having(has), needed)
    assert needed.value in refusal.value.message


@pytest.mark.parametrize(
    ("granted", "model", "groups", "route", "fits"),
    [
        ((), "anything", (), None, True),
        (("gpt",), "gpt", (), None, True),
        (("gpt",), "gpt-4", (), None, False),
        (("gpt",), "GPT", (), None, False),
        (("gpt",), "fast", (), "gpt", True),
        (("fast",), "fast", (), "gpt", True),
        (("openai/*",), "openai/gpt", (), None, True),
        (("openai/*",), "openai", (), None, False),
        (("openai/*",), "azure/openai/gpt", (), None, False),
        (("*-mini",), "gpt-mini", (), None, True),
        (("all-proxy-models",), "gpt", (), None, True),
        (("team-a",), "gpt", ("team-a",), None, True),
        (("team-*",), "gpt", ("team-a",), None, True),
        (("team-b",), "gpt", ("team-a",), None, False),
        (("all-team-models",), "gpt", (), None, False),
        (("no-default-models",), "gpt", (), None, False),
    ],
)
def test_model_is_allowed(
    granted: tuple[str, ...], model: str, groups: tuple[str, ...], route: str | None, fits: bool
) -> None:
    assert allows_model(having(models=granted), model, groups, route) is fits


@pytest.mark.parametrize(
    ("models", "within", "fits"),
    [
        ((), (("gpt-*",),), True),
        ((), (("other",),), False),
        (("gpt-5",), (("gpt-*",),), True),
        (("gpt-5",), (("gpt-*",), ("other",)), False),
        (("other",), (("gpt-5",),), False),
        (("all-proxy-models",), (("other",),), False),
        (("gpt-5",), (("all-proxy-models",), ()), True),
    ],
)
def test_every_list_must_allow_the_model(
    models: tuple[str, ...], within: tuple[tuple[str, ...], ...], fits: bool
) -> None:
    principal = Principal(key_id="k", scopes=frozenset(), models=models, within=within)
    assert allows_model(principal, "gpt-5") is fits


def test_a_refused_model_is_named_and_is_403() -> None:
    with pytest.raises(Forbidden) as refusal:
        check_model(having(Scope.ADMIN, models=("a",)), "b")
    assert (refusal.value.http_status, refusal.value.error_code) == (403, "key_model_access_denied")
    assert "'b'" in refusal.value.message


def test_namespaces_follow_the_same_patterns() -> None:
    assert allows_namespace(having(), "any")
    assert allows_namespace(having(namespaces=("docs:*",)), "docs:1")
    assert not allows_namespace(having(namespaces=("docs:*",)), "doc")


def test_a_star_does_not_let_head_and_tail_overlap() -> None:
    assert matches("ab*ba", "abba")
    assert not matches("ab*ba", "aba")
