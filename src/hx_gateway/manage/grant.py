"""What a new key may be given: rights(child) ⊆ rights(creator), decided without a store."""

import math

from hx_gateway.auth.identify import MASTER
from hx_gateway.auth.policy import ALL_MODELS, ALL_OF_TEAM, matches
from hx_gateway.core.errors import Forbidden, InvalidRequest
from hx_gateway.core.ports import KeyRecord
from hx_gateway.core.principal import DEFAULT_SCOPES, GRANTABLE, Principal, Scope


def granted_scopes(creator: Principal, wanted: tuple[str, ...] | None) -> frozenset[Scope]:
    """Give the scopes of the new key; None asks for the default ones that the creator has."""
    if wanted is None:
        return frozenset(scope for scope in DEFAULT_SCOPES if creator.has_scope(scope))
    names = {scope.value: scope for scope in GRANTABLE}
    unknown = [name for name in wanted if name not in names]
    if unknown:
        raise InvalidRequest(
            f"'scopes' may hold {', '.join(sorted(names))}.", param="scopes", code="unknown_scope"
        )
    scopes = frozenset(names[name] for name in wanted)
    for scope in sorted(scopes):
        if not creator.has_scope(scope):
            raise _beyond("scopes", scope.value)
    return scopes


def some_scopes(wanted: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Refuse an empty list: None asks for the default ones, and no scope at all is no key."""
    if wanted is not None and not wanted:
        raise InvalidRequest(
            "'scopes' is empty; name some, or leave it out for the default ones.", param="scopes"
        )
    return wanted


def granted_names(field: str, wanted: tuple[str, ...], own: tuple[str, ...]) -> tuple[str, ...]:
    """Give the models or namespaces of the new key; none wanted means all that the creator has."""
    for name in wanted:
        if not name or name.count("*") > 1:
            raise InvalidRequest(f"'{field}' holds names with at most one '*'.", param=field)
    if not own or ALL_MODELS in own:
        return wanted
    for name in wanted:
        if not _has(own, name):
            raise _beyond(field, name)
    return wanted or own


def granted_tenant(creator: Principal, wanted: str | None) -> str:
    """Give the tenant of the new key: only the master key may choose another than its own."""
    if wanted is None or wanted == creator.tenant:
        return creator.tenant
    if creator.key_id != MASTER.key_id:
        raise _beyond("tenant", wanted)
    return wanted


def granted_home(
    creator: Principal, user_id: str | None, team_id: str | None
) -> tuple[str | None, str | None]:
    """Give user and team of the new key; who is bound by them hands the same ones on.

    A key of a team makes keys of that team only, and one that its user's models bound only keys of
    that user without a team: elsewhere nothing would hold them.
    """
    if creator.team_id is not None:
        if team_id not in {None, creator.team_id}:
            raise _beyond("team_id", "another team")
        return user_id, creator.team_id
    if not creator.within:
        return user_id, team_id
    if user_id not in {None, creator.user_id}:
        raise _beyond("user_id", "another user")
    if team_id is not None:
        raise _beyond("team_id", team_id)
    return creator.user_id, None


def granted_bound(creator: Principal, wanted: tuple[str, ...]) -> tuple[str, ...]:
    """Give the models that a team or a user shall be bound by: widening them gives a right.

    Who is bound may not leave them open, and names only what all of its own lists have.
    """
    given = granted_names("models", wanted, ())
    for own in (creator.models, *creator.within):
        given = granted_names("models", given, own)
    return given


def check_within(creator: Principal, key: KeyRecord) -> None:
    """Raise Forbidden unless a key that exists has at most the rights of the caller.

    Who learns the text of a key may use all of it, as if it had made it.
    """
    granted_scopes(creator, tuple(scope.value for scope in key.scopes))
    granted_tenant(creator, key.tenant)
    for field, has, own in (
        ("models", key.models, creator.models),
        ("namespaces", key.namespaces, creator.namespaces),
    ):
        if own and not has and ALL_MODELS not in own:
            raise _beyond(field, "all")
        granted_names(field, has, own)
    if creator.expires_at is not None and (key.expires_at or math.inf) > creator.expires_at:
        raise _beyond("duration", "a longer life")
    if granted_home(creator, key.user_id, key.team_id) != (key.user_id, key.team_id):
        raise _beyond("team_id", "a key outside of the own team")


def granted_expiry(creator: Principal, wanted: float | None) -> float | None:
    """Give the end of the new key: never after its creator's."""
    limit = creator.expires_at
    if limit is None:
        return wanted
    if wanted is not None and wanted > limit:
        raise _beyond("duration", "a longer life")
    return limit if wanted is None else wanted


def _has(own: tuple[str, ...], name: str) -> bool:
    if name in {ALL_MODELS, ALL_OF_TEAM}:  # words, not names: `all-*` is no right to everything
        return "*" in own
    return any(_covers(pattern, name) for pattern in own)


def _covers(pattern: str, name: str) -> bool:
    """Say whether all that `name` may match, `pattern` matches too."""
    if "*" not in name:
        return matches(pattern, name)
    head, _, tail = name.partition("*")
    own_head, star, own_tail = pattern.partition("*")
    return bool(star) and head.startswith(own_head) and tail.endswith(own_tail)


def _beyond(field: str, what: str) -> Forbidden:
    return Forbidden(
        f"A key cannot give what it does not have ('{field}': {what[:100]}).",
        param=field,
        code="beyond_own_rights",
    )
