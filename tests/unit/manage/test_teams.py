"""The life of a team: made, changed, blocked, removed together with its keys."""

import msgspec
import pytest
from tests.support.clock import FakeClock
from tests.support.keystore import KEY, SwitchedStore, record_of

from hx_gateway.auth.identify import MASTER
from hx_gateway.core.errors import Conflict, Forbidden, NotFound
from hx_gateway.core.principal import Principal, Scope
from hx_gateway.manage.teams import TeamService, TeamWish

BOUND = Principal(key_id="c", scopes=frozenset({Scope.ADMIN}), team_id="t", within=(("a",),))


class Teams:
    """The use-cases over a memory store, counting how often copies of keys were dropped."""

    def __init__(self) -> None:
        self.store = SwitchedStore()
        self.clock = FakeClock()
        self.forgotten = 0
        self.service = TeamService(self.store, self.clock, forget=self._forget)

    def _forget(self) -> None:
        self.forgotten += 1


async def test_a_team_has_what_was_wished() -> None:
    it = Teams()
    wish = TeamWish(alias="A", models=("m", "a/*"), metadata={"x": 1}, blocked=True)
    made = await it.service.create(MASTER, wish, "t")
    assert await it.store.get_team("t") == made
    assert (made.alias, made.models, made.metadata, made.blocked) == (
        "A", ("m", "a/*"), {"x": 1}, True,
    )  # fmt: skip
    with pytest.raises(Conflict):
        await it.service.create(MASTER, TeamWish(), "t")


async def test_ids_are_made_when_none_is_given() -> None:
    it = Teams()
    one, two = [await it.service.create(MASTER, TeamWish()) for _ in range(2)]
    assert one.id != two.id
    assert [team.id for team in await it.service.find_all()] == sorted([one.id, two.id])


async def test_an_update_changes_what_is_named_and_nothing_else() -> None:
    it = Teams()
    made = await it.service.create(MASTER, TeamWish(alias="A", models=("m",)), "t")
    it.clock.advance(5)
    changed = await it.service.update(MASTER, "t", TeamWish(blocked=True))
    assert changed == msgspec.structs.replace(made, blocked=True, updated_at=it.clock.now())
    assert (await it.service.update(MASTER, "t", TeamWish(models=()))).models == ()
    assert it.forgotten == 3
    with pytest.raises(NotFound):
        await it.service.update(MASTER, "no", TeamWish())


async def test_nobody_widens_the_bound_that_holds_them() -> None:
    it = Teams()
    await it.service.create(MASTER, TeamWish(models=("a",)), "t")
    for models in (("a", "b"), ("*",)):
        with pytest.raises(Forbidden):
            await it.service.update(BOUND, "t", TeamWish(models=models))
        with pytest.raises(Forbidden):
            await it.service.create(BOUND, TeamWish(models=models))
    assert (await it.service.update(BOUND, "t", TeamWish(models=()))).models == ("a",)


async def test_a_team_goes_with_its_keys() -> None:
    it = Teams()
    await it.service.create(MASTER, TeamWish(), "t")
    await it.store.insert_key(record_of(KEY, team_id="t"))
    team, keys = await it.service.find("t")
    assert (team.id, [key.id for key in keys]) == ("t", [record_of().id])
    assert await it.service.delete(["t", "no"]) == ["t"]
    assert await it.store.get_key(record_of().id) is None
    with pytest.raises(NotFound):
        await it.service.delete(["t"])
    with pytest.raises(NotFound):
        await it.service.find("t")
