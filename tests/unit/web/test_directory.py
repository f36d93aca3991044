"""The four lists of the origin story: 200 with real lists, 401, 403, or 503 with the name."""

import pytest
from tests.support.keystore import KEY, SwitchedStore, record_of
from tests.support.web import Browser

from hx_gateway.core.ports import TeamRecord, UserRecord
from hx_gateway.manage.directory import Directory
from hx_gateway.web import directory

PATHS = ["/v1/keys", "/v1/api_keys", "/v1/teams", "/v1/users"]


def browser() -> Browser:
    made = Browser(
        SwitchedStore(
            record_of(),
            teams=[TeamRecord(id="t", created_at=0.0, updated_at=0.0)],
            users=[UserRecord(id="u", created_at=0.0, updated_at=0.0)],
        )
    )
    return made.open(directory.endpoints(Directory(made.store)))


@pytest.mark.parametrize("path", PATHS)
async def test_lists_are_for_the_admin_scope(path: str) -> None:
    it = browser()
    answer = await it.get(path)
    assert answer.status == 200
    assert answer.json["object"] == "list"
    assert len(answer.json["data"]) == 1
    assert KEY not in answer.body.decode()
    assert (await it.get(path, key=KEY)).status == 403
    assert (await it.get(path, key=None)).status == 401


@pytest.mark.parametrize("path", PATHS)
async def test_an_outage_is_503_with_the_name_and_a_time(path: str) -> None:
    it = browser()
    it.store.mode = "down"
    answer = await it.get(path)
    assert (answer.status, answer.error["type"]) == (503, "dependency_unavailable")
    assert "PostgreSQL" in answer.error["message"]
    assert int(answer.headers["retry-after"]) >= 1


async def test_a_window_moves_over_a_long_list() -> None:
    it = browser()
    assert (await it.get("/v1/keys", offset=1)).json["data"] == []
    assert (await it.get("/v1/keys", offset=1)).json["total"] == 1
    assert (await it.get("/v1/keys", limit=0)).status == 422
