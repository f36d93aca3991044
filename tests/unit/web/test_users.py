"""The user routes: LiteLLM's shapes, a key with each new user, one's own and nobody else's."""

import pytest
from tests.support.keystore import KEY, SwitchedStore, record_of
from tests.support.web import Browser

from hx_gateway.manage.keys import KeyService
from hx_gateway.manage.users import UserService
from hx_gateway.web import keys, users


def browser(*records: object) -> Browser:
    made = Browser(SwitchedStore(*records))  # type: ignore[arg-type]
    service = KeyService(made.store, made.clock, forget=made.gate.forget)
    people = UserService(made.store, made.clock, forget=made.gate.forget)
    return made.open([*keys.endpoints(service), *users.endpoints(people, service)])


async def test_a_user_comes_with_a_key_unless_it_is_not_wanted() -> None:
    it = browser()
    made = (await it.post("/user/new", {"user_email": "a@example.org", "key_alias": "k"})).json
    assert made["user_role"] == "internal_user"
    assert made["key"].startswith("sk-")
    info = (await it.get("/user/info", key=made["key"])).json
    assert info["user_id"] == made["user_id"]
    assert [key["key_alias"] for key in info["keys"]] == ["k"]
    assert made["key"] not in str(info)
    bare = (await it.post("/user/new", {"user_id": "b", "auto_create_key": False})).json
    assert (bare["user_id"], bare["key"], bare["token"]) == ("b", None, None)


async def test_a_user_and_its_key_are_made_together_or_not_at_all() -> None:
    it = browser(record_of(alias="taken"))
    body = {"user_id": "u", "key_alias": "taken"}
    assert (await it.post("/user/new", body)).status == 409
    assert (await it.get("/user/info", user_id="u")).status == 404
    assert (await it.post("/user/new", {"user_id": "u"})).status == 200
    assert (await it.post("/user/new", {"user_id": "u"})).status == 409


async def test_a_blocked_user_takes_its_keys_along() -> None:
    it = browser()
    key = (await it.post("/user/new", {"user_id": "u"})).json["key"]
    assert (await it.get("/key/info", key=key)).status == 200
    changed = (await it.post("/user/update", {"user_id": "u", "blocked": True})).json
    assert (changed["user_id"], changed["data"]["blocked"]) == ("u", True)
    assert (await it.get("/key/info", key=key)).error["code"] == "blocked_user"
    await it.post("/user/update", {"user_id": "u", "blocked": False})
    assert (await it.get("/key/info", key=key)).status == 200
    assert (await it.post("/user/delete", {"user_ids": ["u"]})).json == 1
    assert (await it.get("/key/info", key=key)).status == 401


async def test_a_user_is_named_by_id_or_by_email() -> None:
    it = browser()
    await it.post("/user/new", {"user_id": "u", "user_email": "a@example.org"})
    by_email = await it.post("/user/update", {"user_email": "a@example.org", "user_alias": "A"})
    assert by_email.json["data"]["user_alias"] == "A"
    assert (await it.post("/user/update", {"user_alias": "A"})).status == 400
    assert (await it.post("/user/update", {"user_email": "b@example.org"})).status == 404


async def test_users_are_listed_in_pages() -> None:
    it = browser()
    for number in range(5):
        body = {"user_id": f"u{number}", "user_email": f"{number}@example.org"}
        await it.post("/user/new", {**body, "auto_create_key": False})
    page = (await it.get("/user/list", page=2, page_size=2)).json
    assert [user["user_id"] for user in page["users"]] == ["u2", "u3"]
    assert (page["total"], page["page"], page["page_size"], page["total_pages"]) == (5, 2, 2, 3)
    assert (await it.get("/user/list", user_ids="u1,u4")).json["total"] == 2
    assert (await it.get("/user/list", user_email="3@")).json["total"] == 1
    assert (await it.get("/user/list", role="proxy_admin")).json["total"] == 0


async def test_without_the_admin_scope_only_ones_own() -> None:
    it = browser(record_of(user_id="u"), record_of("sk-nobodys"))
    await it.post("/user/new", {"user_id": "u", "auto_create_key": False})
    await it.post("/user/new", {"user_id": "v", "auto_create_key": False})
    own = await it.ask("GET", "/user/info", key=KEY)
    assert own.json["user_id"] == "u"
    assert (await it.ask("GET", "/user/info", key=KEY, user_id="v")).status == 403
    assert (await it.ask("GET", "/user/info", key="sk-nobodys")).status == 400
    for verb in ("new", "update", "delete"):
        assert (await it.post(f"/user/{verb}", {}, key=KEY)).status == 403
        assert (await it.post(f"/user/{verb}", {}, key=None)).status == 401


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"max_budget": 1}, 422),
        ({"teams": ["t"]}, 422),
        ({"user_email": "nobody"}, 422),
        ({"user_role": "internal_user_viewer"}, 400),
        ({"teams": [], "user_role": "proxy_admin"}, 200),
    ],
)
async def test_what_cannot_hold_is_refused(body: dict[str, object], status: int) -> None:
    assert (await browser().post("/user/new", body)).status == status
