"""The life of a user: made, changed, blocked, removed together with its keys."""

import msgspec
import pytest
from tests.support.clock import FakeClock
from tests.support.keystore import KEY, SwitchedStore, record_of

from hx_gateway.auth.identify import MASTER
from hx_gateway.core.errors import Conflict, Forbidden, InvalidRequest, NotFound
from hx_gateway.core.principal import Principal, Scope
from hx_gateway.manage.users import UserService, UserWish


class Users:
    """The use-cases over a memory store, counting how often copies of keys were dropped."""

    def __init__(self) -> None:
        self.store = SwitchedStore()
        self.clock = FakeClock()
        self.forgotten = 0
        self.service = UserService(self.store, self.clock, forget=self._forget)

    def _forget(self) -> None:
        self.forgotten += 1


async def test_a_user_has_what_was_wished() -> None:
    it = Users()
    wish = UserWish(alias="A", email="a@example.org", role="proxy_admin", models=("m",))
    made = await it.service.create(MASTER, wish, "u")
    assert await it.store.get_user("u") == made
    assert (made.alias, made.email, made.role, made.models) == (
        "A", "a@example.org", "proxy_admin", ("m",),
    )  # fmt: skip
    for id_, email in (("u", None), ("v", "a@example.org")):
        with pytest.raises(Conflict):
            await it.service.create(MASTER, UserWish(email=email), id_)
    assert (await it.service.create(MASTER, UserWish())).role == "internal_user"


async def test_an_address_has_no_case() -> None:
    it = Users()
    made = await it.service.create(MASTER, UserWish(email="A@Example.org"))
    assert made.email == "a@example.org"
    assert await it.service.resolve(None, "a@EXAMPLE.org") == made.id
    with pytest.raises(Conflict):
        await it.service.create(MASTER, UserWish(email="a@example.ORG"))


async def test_a_role_that_nothing_enforces_is_refused() -> None:
    it = Users()
    with pytest.raises(InvalidRequest, match="user_role"):
        await it.service.create(MASTER, UserWish(role="internal_user_viewer"))
    made = await it.service.create(MASTER, UserWish())
    with pytest.raises(InvalidRequest):
        await it.service.update(MASTER, made.id, UserWish(role="proxy_admin_viewer"))


async def test_an_update_changes_what_is_named_and_nothing_else() -> None:
    it = Users()
    made = await it.service.create(MASTER, UserWish(email="a@example.org"), "u")
    it.clock.advance(5)
    id_ = await it.service.resolve(None, "a@example.org")
    changed = await it.service.update(MASTER, id_, UserWish(blocked=True))
    assert changed == msgspec.structs.replace(made, blocked=True, updated_at=it.clock.now())
    assert it.forgotten == 2
    for email in ("b@example.org", None):
        with pytest.raises(NotFound):
            await it.service.resolve(None, email)
    with pytest.raises(NotFound):
        await it.service.update(MASTER, "no", UserWish())


async def test_nobody_widens_the_bound_that_holds_them() -> None:
    it = Users()
    bound = Principal(key_id="c", scopes=frozenset({Scope.ADMIN}), within=(("a",),))
    await it.service.create(MASTER, UserWish(models=("a",)), "u")
    with pytest.raises(Forbidden):
        await it.service.update(bound, "u", UserWish(models=("a", "b")))
    with pytest.raises(Forbidden):
        await it.service.create(bound, UserWish(models=("b",)))


async def test_a_user_goes_with_its_keys() -> None:
    it = Users()
    await it.service.create(MASTER, UserWish(), "u")
    await it.store.insert_key(record_of(KEY, user_id="u"))
    user, keys = await it.service.find("u")
    assert (user.id, [key.id for key in keys]) == ("u", [record_of().id])
    assert await it.service.find_all() == [user]
    assert await it.service.delete(["u", "no"]) == ["u"]
    assert await it.store.get_key(record_of().id) is None
    with pytest.raises(NotFound):
        await it.service.delete(["u"])
    with pytest.raises(NotFound):
        await it.service.find("u")
