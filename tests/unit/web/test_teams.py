"""The team routes: LiteLLM's shapes, and rights that hold from the next call on."""

import pytest
from tests.support.keystore import KEY, SwitchedStore, record_of
from tests.support.web import Browser

from hx_gateway.manage.keys import KeyService
from hx_gateway.manage.teams import TeamService
from hx_gateway.web import keys, teams

WRITES = ["new", "update", "delete", "block", "unblock"]


def browser(*records: object) -> Browser:
    made = Browser(SwitchedStore(*records))  # type: ignore[arg-type]
    services = (
        KeyService(made.store, made.clock, forget=made.gate.forget),
        TeamService(made.store, made.clock, forget=made.gate.forget),
    )
    return made.open([*keys.endpoints(services[0]), *teams.endpoints(services[1])])


async def test_a_team_lives_from_new_to_delete() -> None:
    it = browser()
    made = (await it.post("/team/new", {"team_alias": "A", "models": ["m"]})).json
    id_ = made["team_id"]
    assert (made["team_alias"], made["models"], made["blocked"]) == ("A", ["m"], False)
    assert (await it.get("/team/list")).json == [made]
    changed = (await it.post("/team/update", {"team_id": id_, "metadata": {"x": 1}})).json
    assert (changed["team_id"], changed["data"]["metadata"]) == (id_, {"x": 1})
    key = (await it.post("/key/generate", {"team_id": id_})).json["key"]
    info = (await it.get("/team/info", team_id=id_)).json
    assert info["team_info"] == changed["data"]
    assert [one["team_id"] for one in info["keys"]] == [id_]
    assert key not in str(info)
    assert (await it.post("/team/delete", {"team_ids": [id_]})).json == {"deleted_teams": [id_]}
    assert (await it.get("/key/info", key=key)).status == 401


async def test_a_blocked_team_takes_its_keys_along_and_gives_them_back() -> None:
    it = browser()
    await it.post("/team/new", {"team_id": "t"})
    key = (await it.post("/key/generate", {"team_id": "t"})).json["key"]
    assert (await it.get("/key/info", key=key)).status == 200
    assert (await it.post("/team/block", {"team_id": "t"})).json["blocked"] is True
    refused = await it.get("/key/info", key=key)
    assert (refused.status, refused.error["code"]) == (401, "blocked_team")
    assert (await it.post("/team/unblock", {"team_id": "t"})).json["blocked"] is False
    assert (await it.get("/key/info", key=key)).status == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"max_budget": 1}, 422),
        ({"members_with_roles": [{"role": "user", "user_id": "u"}]}, 422),
        ({"tpm_limit": 0}, 422),
        ({"unheard_of": 1}, 422),
        ({"models": ["a*b*"]}, 400),
        ({"team_id": "t"}, 409),
        ({"max_budget": None, "members_with_roles": []}, 200),
    ],
)
async def test_what_cannot_hold_is_refused(body: dict[str, object], status: int) -> None:
    it = browser()
    await it.post("/team/new", {"team_id": "t"})
    assert (await it.post("/team/new", body)).status == status


async def test_absent_teams_are_404_and_a_missing_id_422() -> None:
    it = browser()
    for verb in ("update", "block", "unblock"):
        assert (await it.post(f"/team/{verb}", {"team_id": "no"})).status == 404
        assert (await it.post(f"/team/{verb}", {})).status == 422
    assert (await it.post("/team/delete", {"team_ids": ["no"]})).status == 404
    assert (await it.get("/team/info", team_id="no")).status == 404
    assert (await it.get("/team/info")).status == 422
    assert (await it.post("/key/generate", {"team_id": "no"})).error["code"] == "team_not_found"


@pytest.mark.parametrize("verb", WRITES)
async def test_teams_are_for_the_admin_scope(verb: str) -> None:
    it = browser(record_of())
    assert (await it.post(f"/team/{verb}", {}, key=KEY)).status == 403
    assert (await it.post(f"/team/{verb}", {}, key=None)).status == 401
