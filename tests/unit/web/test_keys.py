"""The key routes: LiteLLM's shapes, the text of a key once, and nobody gives what they lack."""

import hashlib

import pytest
from tests.support.keystore import KEY, SwitchedStore, record_of
from tests.support.web import Browser

from hx_gateway.core.principal import Scope
from hx_gateway.manage.keys import KeyService
from hx_gateway.web import keys

WRITES = [
    "/key/generate", "/key/update", "/key/regenerate", "/key/delete", "/key/block", "/key/unblock",
]  # fmt: skip


def browser(*records: object) -> Browser:
    made = Browser(SwitchedStore(*records))  # type: ignore[arg-type]
    service = KeyService(made.store, made.clock, forget=made.gate.forget)
    return made.open(keys.endpoints(service))


async def test_a_key_is_shown_once_and_works_until_it_is_deleted() -> None:
    it = browser()
    made = (
        await it.post("/key/generate", {"key_alias": "a", "models": ["m"], "duration": "30d"})
    ).json
    text = made["key"]
    assert text.startswith("sk-")
    assert made["token"] == made["token_id"] == hashlib.sha256(text.encode()).hexdigest()
    assert made["key_name"] == f"sk-...{text[-4:]}"
    assert made["expires"].startswith("1970-02-11T")
    assert (await it.get("/key/info", key=text)).status == 200
    for answer in (
        await it.get("/key/list", return_full_object="true"),
        await it.get("/key/list"),
        await it.get("/key/info", key=text),
    ):
        assert text not in answer.body.decode()
    assert (await it.post("/key/delete", {"keys": [text]})).json == {"deleted_keys": [text]}
    gone = await it.get("/key/info", key=text)
    assert (gone.status, gone.headers["www-authenticate"]) == (401, "Bearer")


async def test_a_blocked_key_is_refused_at_once_and_can_come_back() -> None:
    it = browser(record_of())
    assert (await it.get("/key/info", key=KEY)).status == 200
    assert (await it.post("/key/block", {"key": KEY})).json["blocked"] is True
    assert (await it.get("/key/info", key=KEY)).status == 401
    await it.post("/key/unblock", {"key": record_of().id})
    assert (await it.get("/key/info", key=KEY)).status == 200


async def test_lists_come_in_pages() -> None:
    it = browser(*[record_of(f"sk-{n}", created_at=float(n)) for n in range(25)])
    page = (await it.get("/key/list", page=3, size=10)).json
    assert len(page["keys"]) == 5
    assert (page["total_count"], page["current_page"], page["total_pages"]) == (25, 3, 3)
    assert all(isinstance(one, str) for one in page["keys"])
    full = (await it.get("/key/list", return_full_object="true", size=1)).json["keys"][0]
    assert full["token"] == record_of("sk-24").id
    assert (await it.get("/key/list", size=101)).status == 422


async def test_info_is_of_ones_own_key_without_the_admin_scope() -> None:
    it = browser(record_of(), record_of("sk-other"))
    own = (await it.get("/key/info", key=KEY)).json
    assert own["info"]["token"] == own["key"] == record_of().id
    assert "token_id" not in own["info"]


@pytest.mark.parametrize("path", WRITES)
async def test_writes_need_the_admin_scope(path: str) -> None:
    it = browser(record_of(scopes=frozenset(set(Scope) - {Scope.ADMIN})))
    assert (await it.post(path, {}, key=None)).status == 401
    refused = await it.post(path, {}, key=KEY)
    assert (refused.status, refused.error["code"]) == (403, "missing_scope")


async def test_an_admin_key_gives_only_what_it_has() -> None:
    it = browser(record_of(scopes=frozenset({Scope.ADMIN}), models=("a",)))
    assert (await it.post("/key/generate", {"models": ["b"]}, key=KEY)).status == 403
    assert (await it.post("/key/generate", {"tenant": "other"}, key=KEY)).status == 403
    assert (await it.post("/key/generate", {}, key=KEY)).json["models"] == ["a"]


@pytest.mark.parametrize(
    ("body", "status", "named"),
    [
        ({"duration": "soon"}, 400, "duration"),
        ({"scopes": ["root"]}, 400, "scopes"),
        ({"key": "sk-short"}, 400, "key"),
        ({"max_budget": 5}, 422, "max_budget"),
        ({"max_budget": 0}, 422, "max_budget"),
        ({"rpm_limit": 10, "tags": []}, 422, "rpm_limit"),
        ({"allowed_routes": ["/x"]}, 422, "allowed_routes"),
        ({"unheard_of": 1}, 422, "unheard_of"),
        ({"models": "m"}, 422, "models"),
        ({"scopes": []}, 400, "scopes"),
        ({"key_alias": "   "}, 422, "key_alias"),
        ({"tenant": " "}, 422, "tenant"),
        ({"models": [" "]}, 422, "models[0]"),
    ],
)
async def test_what_would_not_hold_is_refused_by_name(
    body: dict[str, object], status: int, named: str
) -> None:
    it = browser()
    refused = await it.post("/key/generate", body)
    assert refused.status == status
    assert named in refused.error["message"] or refused.error["param"] == named
    assert (await it.get("/key/list")).json["total_count"] == 0


async def test_litellms_empty_fields_ask_for_nothing() -> None:
    body: dict[str, object] = {
        "max_budget": None,
        "tags": [],
        "aliases": {},
        "spend": 0,
        "key_type": "default",
    }
    assert (await browser().post("/key/generate", body)).status == 200


async def test_absent_keys_are_404_and_a_taken_alias_409() -> None:
    it = browser(record_of(alias="a"))
    assert (await it.post("/key/delete", {"keys": ["sk-absent"]})).status == 404
    assert (await it.post("/key/block", {"key": "sk-absent"})).status == 404
    assert (await it.get("/key/info")).status == 404, "the master key is not in the store"
    assert (await it.post("/key/delete", {})).status == 400
    assert (await it.post("/key/generate", {"key_alias": "a"})).status == 409


async def test_an_outage_is_503_and_names_the_store() -> None:
    it = browser()
    it.store.mode = "down"
    answer = await it.get("/key/list")
    assert (answer.status, answer.error["type"]) == (503, "dependency_unavailable")
    assert "PostgreSQL" in answer.error["message"]
    assert "retry-after" in answer.headers


async def test_an_update_holds_from_the_next_call_on() -> None:
    it = browser(record_of(alias="mine"))
    body = {"key": KEY, "models": ["m"], "duration": "1h", "key_alias": "renamed"}
    changed = (await it.post("/key/update", body)).json
    assert (changed["key"], changed["models"], changed["key_alias"]) == (KEY, ["m"], "renamed")
    info = (await it.get("/key/info", key=KEY)).json["info"]
    assert (info["models"], info["expires"]) == (["m"], changed["expires"])
    forever = (await it.post("/key/update", {"key_alias": "renamed", "duration": "-1"})).json
    assert (forever["key"], forever["expires"], forever["models"]) == (record_of().id, None, ["m"])
    assert (await it.post("/key/update", {"key": KEY, "blocked": True})).status == 200
    assert (await it.get("/key/info", key=KEY)).status == 401
    assert (await it.post("/key/update", {"key": "sk-absent"})).status == 404
    assert (await it.post("/key/update", {})).status == 400
    assert (await it.post("/key/update", {"key": KEY, "max_budget": 1})).status == 422


async def test_a_key_can_be_told_what_it_may_say_of_the_cache() -> None:
    """`allowed_cache_controls` was refused at the top level, where LiteLLM's clients send it."""
    it = browser()
    made = (await it.post("/key/generate", {"allowed_cache_controls": ["ttl"]})).json
    assert made["allowed_cache_controls"] == made["metadata"]["allowed_cache_controls"] == ["ttl"]
    body = {"key": made["key"], "allowed_cache_controls": ["no-cache"]}
    assert (await it.post("/key/update", body)).json["allowed_cache_controls"] == ["no-cache"]
    assert (await it.post("/key/generate", {})).json["allowed_cache_controls"] == []
    assert (await it.post("/team/new", {"allowed_cache_controls": ["ttl"]})).status in {404, 422}


@pytest.mark.parametrize("in_path", [True, False])
async def test_a_new_text_takes_the_place_of_the_old_one(in_path: bool) -> None:
    it = browser(record_of(alias="mine"))
    path, body = (
        (f"/key/{record_of().id}/regenerate", {}) if in_path else ("/key/regenerate", {"key": KEY})
    )
    new = (await it.post(path, body)).json
    assert new["key_alias"] == "mine"
    assert (await it.get("/key/info", key=KEY)).status == 401
    assert (await it.get("/key/info", key=new["key"])).status == 200
    assert (await it.post("/key/regenerate", {"key": KEY})).status == 404
    assert (await it.post("/key/regenerate", {})).status == 400
