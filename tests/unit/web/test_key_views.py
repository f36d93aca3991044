"""What is shown of records: everything but secrets."""

from datetime import UTC, datetime

import msgspec
from tests.support.keystore import KEY, record_of

from hx_gateway.core.ports import TeamRecord, UserRecord
from hx_gateway.core.principal import GRANTABLE
from hx_gateway.web.key_views import view_key, view_team, view_user


def test_a_key_is_shown_by_hash_and_last_characters() -> None:
    view = view_key(record_of(expires_at=0.0, scopes=GRANTABLE))
    assert KEY.encode() not in msgspec.json.encode(view)
    assert view.key_name == f"sk-...{KEY[-4:]}"
    assert view.expires == datetime(1970, 1, 1, tzinfo=UTC)
    assert view.scopes == ("admin", "inference", "rag:read", "rag:write")
    assert view_key(record_of()).expires is None


def test_teams_and_users_have_litellms_names() -> None:
    team = view_team(TeamRecord(id="t", alias="a", created_at=0.0, updated_at=0.0))
    assert (team.team_id, team.team_alias) == ("t", "a")
    user = view_user(UserRecord(id="u", email="e", created_at=0.0, updated_at=0.0))
    assert (user.user_id, user.user_email, user.user_role) == ("u", "e", "internal_user")
