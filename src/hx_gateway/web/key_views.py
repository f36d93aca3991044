"""Keys, teams and users as they are shown: LiteLLM's names, no secrets."""

from datetime import UTC, datetime

import msgspec

from hx_gateway.core.ports import KeyRecord, TeamRecord, UserRecord
from hx_gateway.core.principal import CACHE_CONTROLS


class KeyView(msgspec.Struct, frozen=True, kw_only=True):
    """A key as shown. `token` is its id (SHA-256 hex); times are RFC 3339, UTC."""

    token: str
    key_name: str
    key_alias: str | None
    models: tuple[str, ...]
    scopes: tuple[str, ...]
    namespaces: tuple[str, ...]
    tenant: str
    user_id: str | None
    team_id: str | None
    metadata: dict[str, object]
    allowed_cache_controls: tuple[str, ...]
    blocked: bool
    expires: datetime | None
    created_at: datetime
    created_by: str
    updated_at: datetime
    last_used_at: datetime | None


class TeamView(msgspec.Struct, frozen=True, kw_only=True):
    """A team as shown."""

    team_id: str
    team_alias: str | None
    models: tuple[str, ...]
    metadata: dict[str, object]
    blocked: bool
    created_at: datetime
    updated_at: datetime


class UserView(msgspec.Struct, frozen=True, kw_only=True):
    """A user as shown."""

    user_id: str
    user_alias: str | None
    user_email: str | None
    user_role: str
    models: tuple[str, ...]
    metadata: dict[str, object]
    blocked: bool
    created_at: datetime
    updated_at: datetime


def view_key(key: KeyRecord) -> KeyView:
    """Show a key."""
    return KeyView(
        token=key.id,
        key_name=key.name,
        key_alias=key.alias,
        models=key.models,
        scopes=tuple(sorted(scope.value for scope in key.scopes)),
        namespaces=key.namespaces,
        tenant=key.tenant,
        user_id=key.user_id,
        team_id=key.team_id,
        metadata=dict(key.metadata),
        allowed_cache_controls=_cache_controls(key),
        blocked=key.blocked,
        expires=None if key.expires_at is None else _moment(key.expires_at),
        created_at=_moment(key.created_at),
        created_by=key.created_by,
        updated_at=_moment(key.updated_at),
        last_used_at=None if key.last_used_at is None else _moment(key.last_used_at),
    )


def view_team(team: TeamRecord) -> TeamView:
    """Show a team."""
    return TeamView(
        team_id=team.id,
        team_alias=team.alias,
        models=team.models,
        metadata=dict(team.metadata),
        blocked=team.blocked,
        created_at=_moment(team.created_at),
        updated_at=_moment(team.updated_at),
    )


def view_user(user: UserRecord) -> UserView:
    """Show a user."""
    return UserView(
        user_id=user.id,
        user_alias=user.alias,
        user_email=user.email,
        user_role=user.role,
        models=user.models,
        metadata=dict(user.metadata),
        blocked=user.blocked,
        created_at=_moment(user.created_at),
        updated_at=_moment(user.updated_at),
    )


def _cache_controls(key: KeyRecord) -> tuple[str, ...]:
    named = key.metadata.get(CACHE_CONTROLS)
    return tuple(str(name) for name in named) if isinstance(named, list | tuple) else ()


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
