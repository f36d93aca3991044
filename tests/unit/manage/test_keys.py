"""The life of a key: made once, shown without its text, blocked, removed."""

from collections.abc import Mapping

import msgspec
import pytest
from tests.support.clock import FakeClock
from tests.support.keystore import KEY, SwitchedStore, record_of

from hx_gateway.auth.identify import MASTER
from hx_gateway.auth.keys import key_id
from hx_gateway.core import wire
from hx_gateway.core.errors import Conflict, DependencyError, Forbidden, InvalidRequest, NotFound
from hx_gateway.core.ports import KeyFilter, KeyRecord, TeamRecord
from hx_gateway.core.principal import Principal, Scope
from hx_gateway.core.secret import Secret
from hx_gateway.manage.keys import FOREVER, KeyChange, KeyService, KeyWish


class Keys:
    """The use-cases over a memory store, counting how often copies were dropped."""

    def __init__(self, *keys: KeyRecord) -> None:
        self.store = SwitchedStore(*keys)
        self.clock = FakeClock()
        self.forgotten = 0
        self.service = KeyService(self.store, self.clock, forget=self._forget)

    def _forget(self) -> None:
        self.forgotten += 1


async def test_a_new_key_has_what_was_wished_and_is_stored_by_hash_only() -> None:
    it = Keys()
    issued = await it.service.generate(
        MASTER,
        KeyWish(
            alias="a", duration="1h", models=("m",), tenant="t", metadata={"x": 1}, user_id="u"
        ),
    )
    text = issued.secret.reveal()
    stored = await it.store.get_key(key_id(text))
    assert stored == issued.record
    assert stored is not None
    assert (stored.alias, stored.models, stored.tenant) == ("a", ("m",), "t")
    assert stored.expires_at == it.clock.now() + 3600
    assert stored.created_by == "default_user_id"
    assert text.encode() not in wire.encode(stored)
    assert text not in repr(issued)


async def test_a_key_of_ones_own_is_taken_when_it_has_the_form() -> None:
    it = Keys()
    assert (await it.service.generate(MASTER, KeyWish(key=KEY))).secret.reveal() == KEY
    with pytest.raises(Conflict):
        await it.service.generate(MASTER, KeyWish(key=KEY))
    for text in ("sk-short", "no-prefix-0123456789abcdefghijklmnopq", ""):
        with pytest.raises(InvalidRequest) as refusal:
            await it.service.generate(MASTER, KeyWish(key=text))
        assert refusal.value.param == "key"
        assert text == "" or text not in refusal.value.message


async def test_an_alias_is_taken_once() -> None:
    it = Keys()
    await it.service.generate(MASTER, KeyWish(alias="a"))
    with pytest.raises(Conflict):
        await it.service.generate(MASTER, KeyWish(alias="a"))


async def test_nothing_is_stored_when_a_right_is_lacking() -> None:
    it = Keys()
    creator = Principal(key_id="c", scopes=frozenset({Scope.ADMIN}), models=("a",))
    with pytest.raises(Forbidden):
        await it.service.generate(creator, KeyWish(models=("b",)))
    assert await it.service.find_all(KeyFilter()) == ([], 0)


async def test_own_key_is_shown_and_anothers_is_not() -> None:
    it = Keys(record_of(), record_of("sk-other"))
    caller = Principal(key_id=key_id(KEY), scopes=frozenset({Scope.INFERENCE}))
    for name in (None, KEY, key_id(KEY)):
        assert (await it.service.find(caller, name)).id == key_id(KEY)
    for name in ("sk-other", "sk-absent"):
        with pytest.raises(Forbidden):
            await it.service.find(caller, name)
    assert (await it.service.find(MASTER, "sk-other")).id == key_id("sk-other")


async def test_keys_are_removed_by_text_hash_and_alias() -> None:
    it = Keys(record_of("sk-1"), record_of("sk-2"), record_of("sk-3", alias="three"))
    gone = await it.service.delete(["sk-1", key_id("sk-2"), "sk-absent"], ["three", "nobody"])
    assert gone == ["sk-1", key_id("sk-2"), "three"]
    assert await it.service.find_all(KeyFilter()) == ([], 0)
    with pytest.raises(NotFound):
        await it.service.delete(["sk-1"], ["three"])


async def test_blocking_and_letting_in_again_change_the_record() -> None:
    it = Keys(record_of())
    it.clock.advance(5)
    changed = await it.service.set_blocked(KEY, blocked=True)
    assert (changed.blocked, changed.updated_at) == (True, it.clock.now())
    assert (await it.service.find(MASTER, KEY)).blocked
    assert not (await it.service.set_blocked(key_id(KEY), blocked=False)).blocked
    with pytest.raises(NotFound):
        await it.service.set_blocked("sk-absent", blocked=True)


async def test_every_change_drops_the_copies_of_this_process() -> None:
    it = Keys(record_of())
    await it.service.generate(MASTER, KeyWish())
    await it.service.set_blocked(KEY, blocked=True)
    await it.service.delete([KEY])
    assert it.forgotten == 3
    await it.service.find_all(KeyFilter())
    assert it.forgotten == 3


async def test_names_resolve_to_ids() -> None:
    it = Keys(record_of(alias="mine"))
    for name in (KEY, key_id(KEY), "mine"):
        assert await it.service.resolve(name) == key_id(KEY)
    with pytest.raises(NotFound):
        await it.service.resolve("nobody")


async def test_an_outage_is_said_not_guessed() -> None:
    it = Keys(record_of())
    it.store.mode = "down"
    with pytest.raises(DependencyError, match="PostgreSQL"):
        await it.service.find_all(KeyFilter())


async def test_an_update_changes_what_is_named_and_nothing_else() -> None:
    it = Keys(record_of(models=("a",), alias="old", metadata={"x": 1}, expires_at=2e9))
    it.clock.advance(5)
    new = await it.service.update(MASTER, KEY, KeyChange(models=("b",), duration="1h"))
    old = record_of(models=("a",), alias="old", metadata={"x": 1})
    now = it.clock.now()
    assert new == msgspec.structs.replace(old, models=("b",), expires_at=now + 3600, updated_at=now)
    forever = await it.service.update(MASTER, KEY, KeyChange(duration=FOREVER))
    assert forever.expires_at is None
    assert await it.store.get_key(key_id(KEY)) == forever
    assert it.forgotten == 2
    with pytest.raises(NotFound):
        await it.service.update(MASTER, "sk-absent", KeyChange())


@pytest.mark.parametrize(
    "wanted",
    [KeyChange(models=("b",)), KeyChange(models=()), KeyChange(scopes=("admin", "rag:write"))],
)
async def test_an_update_gives_nothing_that_the_caller_lacks(wanted: KeyChange) -> None:
    it = Keys(record_of(models=("a",)))
    caller = Principal(key_id="c", scopes=frozenset({Scope.INFERENCE}), models=("a",))
    with pytest.raises(Forbidden):
        await it.service.update(caller, KEY, wanted)
    assert await it.store.get_key(key_id(KEY)) == record_of(models=("a",))
    renamed = await it.service.update(caller, KEY, KeyChange(alias="new"))
    assert renamed.alias == "new", "a name is no right"


async def test_what_a_key_may_say_of_the_cache_outlives_its_metadata() -> None:
    it = Keys()
    wish = KeyWish(metadata={"x": 1}, cache_controls=("ttl",))
    name = (await it.service.generate(MASTER, wish)).record.id

    async def after(**change: object) -> Mapping[str, object]:
        wanted = msgspec.convert(change, KeyChange)
        return (await it.service.update(MASTER, name, wanted)).metadata

    controls = "allowed_cache_controls"
    assert await after(alias="a") == {"x": 1, controls: ["ttl"]}
    assert await after(metadata={"y": 2}) == {"y": 2, controls: ["ttl"]}
    assert await after(metadata={controls: ["no-cache"]}) == {controls: ["no-cache"]}
    assert await after(cache_controls=["ttl", "no-store"]) == {controls: ["ttl", "no-store"]}
    assert await after(cache_controls=[]) == {controls: []}
    plain = (await it.service.generate(MASTER, KeyWish(metadata={"x": 1}))).record
    assert plain.metadata == {"x": 1}


async def test_a_new_text_replaces_the_old_one_and_keeps_the_rest() -> None:
    it = Keys(record_of(models=("a",), alias="mine"))
    issued = await it.service.regenerate(MASTER, KEY)
    text = issued.secret.reveal()
    assert text != KEY
    assert await it.store.get_key(key_id(KEY)) is None
    stored = await it.store.get_key(key_id(text))
    assert stored == issued.record
    assert stored is not None
    assert (stored.models, stored.alias, stored.name[-4:]) == (("a",), "mine", text[-4:])
    own = f"sk-{'x' * 40}"
    assert (await it.service.regenerate(MASTER, text, own)).secret.reveal() == own
    with pytest.raises(NotFound):
        await it.service.regenerate(MASTER, text)


async def test_the_text_of_a_stronger_key_is_not_handed_out() -> None:
    """An admin key that may use one model could otherwise regenerate a key that may use all."""
    it = Keys(record_of())
    caller = Principal(key_id="c", scopes=frozenset({Scope.ADMIN}), models=("a",))
    with pytest.raises(Forbidden):
        await it.service.regenerate(caller, KEY)
    assert await it.store.get_key(key_id(KEY)) == record_of()


async def test_a_key_names_a_team_that_exists() -> None:
    it = Keys(record_of())
    with pytest.raises(InvalidRequest, match="'t'"):
        await it.service.generate(MASTER, KeyWish(team_id="t"))
    with pytest.raises(InvalidRequest):
        await it.service.update(MASTER, KEY, KeyChange(team_id="t"))
    await it.store.insert_team(TeamRecord(id="t", created_at=0.0, updated_at=0.0))
    made = await it.service.generate(MASTER, KeyWish(team_id="t"))
    assert made.record.team_id == "t"


async def test_no_virtual_key_has_the_text_of_the_master_key() -> None:
    """It could be blocked and removed, and went on doing everything."""
    it = Keys()
    guarded = KeyService(it.store, it.clock, forget=it._forget, master=Secret(KEY))
    with pytest.raises(Conflict):
        await guarded.generate(MASTER, KeyWish(key=KEY))
    other = await guarded.generate(MASTER, KeyWish())
    with pytest.raises(Conflict):
        await guarded.regenerate(MASTER, other.record.id, KEY)
    assert (await it.service.generate(MASTER, KeyWish(key=KEY))).record.id == key_id(KEY)


async def test_a_key_without_any_scope_is_not_made() -> None:
    it = Keys()
    with pytest.raises(InvalidRequest):
        await it.service.generate(MASTER, KeyWish(scopes=()))
    made = await it.service.generate(MASTER, KeyWish())
    with pytest.raises(InvalidRequest):
        await it.service.update(MASTER, made.record.id, KeyChange(scopes=()))
