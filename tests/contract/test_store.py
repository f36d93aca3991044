"""What every store keeps to: memory, SQLite, PostgreSQL."""

import asyncio
from collections.abc import Callable

import msgspec
import pytest
from tests.support.records import key_id, key_record

from hx_gateway.core.errors import Conflict, Forbidden, InvalidRequest
from hx_gateway.core.ports import KeyFilter, KeyRecord, Standing, Store, TeamRecord, UserRecord
from hx_gateway.core.principal import Scope


def blocked(key: KeyRecord) -> KeyRecord:
    """Change a key as a test wants it."""
    return msgspec.structs.replace(key, blocked=True)


FULL = key_record(
    7,
    alias="Büro 'one' \"two\" \\ % $1 ; -- 💡",
    user_id="u1",
    team_id="t1",
    tenant="acme",
    models=("gpt-*", "demo"),
    scopes=frozenset({Scope.ADMIN, Scope.RAG_WRITE}),
    namespaces=("a", "b*"),
    metadata={"nested": {"list": [1, 2.5, None, True]}, "text": "ü\n\\u0041", "empty": {}},
    blocked=True,
    expires_at=1_790_000_000.123456,
    last_used_at=1_770_000_000.000001,
)


@pytest.mark.parametrize("key", [key_record(), FULL], ids=["least", "full"])
async def test_a_key_comes_back_as_it_was_stored(store: Store, key: KeyRecord) -> None:
    await store.insert_key(key)
    assert await store.get_key(key.id) == key


async def test_an_unknown_key_is_none(store: Store) -> None:
    assert await store.get_key(key_id()) is None


async def test_a_key_is_found_by_its_alias(store: Store) -> None:
    await store.insert_key(FULL)
    await store.insert_key(key_record())
    assert await store.find_key_by_alias(FULL.alias or "") == FULL
    assert await store.find_key_by_alias("other") is None


async def test_the_same_id_twice_is_a_conflict(store: Store) -> None:
    await store.insert_key(key_record(blocked=True))
    with pytest.raises(Conflict):
        await store.insert_key(key_record(blocked=False))
    kept = await store.get_key(key_id())
    assert kept is not None
    assert kept.blocked


async def test_the_same_alias_twice_is_a_conflict(store: Store) -> None:
    await store.insert_key(key_record(1, alias="a"))
    with pytest.raises(Conflict):
        await store.insert_key(key_record(2, alias="a"))
    assert await store.get_key(key_id(2)) is None


async def test_many_keys_have_no_alias(store: Store) -> None:
    await store.insert_key(key_record(1))
    await store.insert_key(key_record(2))
    assert (await store.list_keys(KeyFilter()))[1] == 2


async def test_an_update_replaces_every_field(store: Store) -> None:
    await store.insert_key(FULL)
    changed = msgspec.structs.replace(key_record(1), id=FULL.id)
    assert await store.change_key(FULL.id, lambda _: changed) == changed
    assert await store.get_key(FULL.id) == changed


async def test_an_update_of_an_unknown_key_says_so(store: Store) -> None:
    assert await store.change_key(key_id(), lambda old: old) is None
    assert await store.get_key(key_id()) is None


async def test_an_update_cannot_take_the_alias_of_another_key(store: Store) -> None:
    await store.insert_key(key_record(1, alias="a"))
    await store.insert_key(key_record(2, alias="b"))
    epoch = await store.revocation_epoch()
    with pytest.raises(Conflict):
        await store.change_key(key_id(2), lambda _: key_record(2, alias="a"))
    assert await store.get_key(key_id(2)) == key_record(2, alias="b")
    assert await store.revocation_epoch() == epoch


async def test_a_deletion_names_what_was_really_there(store: Store) -> None:
    for number in range(4):
        await store.insert_key(key_record(number))
    wanted = [key_id(1), key_id(9), key_id(2), key_id(1)]
    assert sorted(await store.delete_keys(wanted)) == sorted([key_id(1), key_id(2)])
    left, count = await store.list_keys(KeyFilter())
    assert [key.id for key in left] == [key_id(3), key_id(0)]
    assert count == 2


async def test_a_deletion_of_nothing_is_nothing(store: Store) -> None:
    assert await store.delete_keys([]) == []


async def test_keys_are_listed_newest_first_in_pages(store: Store) -> None:
    for number in (3, 1, 5, 2, 4):
        await store.insert_key(key_record(number))
    page, count = await store.list_keys(KeyFilter(offset=1, limit=2))
    assert [key.id for key in page] == [key_id(4), key_id(3)]
    assert count == 5
    assert await store.list_keys(KeyFilter(offset=9, limit=2)) == ([], 5)


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (KeyFilter(), [4, 3, 2, 1]),
        (KeyFilter(user_id="u"), [3, 1]),
        (KeyFilter(team_id="t"), [3, 2]),
        (KeyFilter(user_id="u", team_id="t"), [3]),
        (KeyFilter(alias="four"), [4]),
        (KeyFilter(alias="f%"), []),
        (KeyFilter(alias="' OR 1=1 --"), []),
    ],
)
async def test_a_filter_leaves_what_matches_all_of_it(
    store: Store, wanted: KeyFilter, numbers: list[int]
) -> None:
    await store.insert_key(key_record(1, user_id="u"))
    await store.insert_key(key_record(2, team_id="t"))
    await store.insert_key(key_record(3, user_id="u", team_id="t"))
    await store.insert_key(key_record(4, alias="four"))
    found, count = await store.list_keys(wanted)
    assert [key.id for key in found] == [key_id(number) for number in numbers]
    assert count == len(numbers)


async def test_taking_a_right_away_moves_the_epoch_and_nothing_else_does(store: Store) -> None:
    seen = [await store.revocation_epoch()]
    await store.insert_key(key_record())
    await store.change_key(key_id(2), lambda _: key_record(2))
    await store.delete_keys([key_id(2)])
    assert await store.revocation_epoch() == seen[0]
    await store.change_key(key_id(), lambda _: key_record(blocked=True))
    seen.append(await store.revocation_epoch())
    await store.delete_keys([key_id()])
    seen.append(await store.revocation_epoch())
    assert seen[0] < seen[1] < seen[2]


@pytest.mark.parametrize(
    "key", [key_record(alias="a\0b"), key_record(metadata={"a": ["\0"]})], ids=["text", "json"]
)
async def test_a_nul_character_is_the_callers_mistake(store: Store, key: KeyRecord) -> None:
    """PostgreSQL stores it neither in text nor in JSON, so no engine takes it."""
    with pytest.raises(InvalidRequest):
        await store.insert_key(key)


async def test_a_fresh_store_has_no_teams_and_no_users(store: Store) -> None:
    assert await store.list_teams() == []
    assert await store.list_users() == []


async def test_only_one_of_many_inserts_of_an_alias_wins(store: Store) -> None:
    keys = [key_record(number, alias="same") for number in range(20)]
    results = await asyncio.gather(*map(store.insert_key, keys), return_exceptions=True)
    assert results.count(None) == 1
    assert sum(isinstance(result, Conflict) for result in results) == 19


async def test_concurrent_revocations_each_move_the_epoch(store: Store) -> None:
    for number in range(20):
        await store.insert_key(key_record(number))
    before = await store.revocation_epoch()
    await asyncio.gather(
        *(store.change_key(key_id(number), blocked) for number in range(10)),
        *(store.delete_keys([key_id(number)]) for number in range(10, 20)),
    )
    assert await store.revocation_epoch() == before + 20


async def test_a_store_that_works_answers_a_ping(store: Store) -> None:
    await store.ping()


def team(id_: str = "t", **fields: object) -> TeamRecord:
    made = TeamRecord(id=id_, created_at=1.5, updated_at=2.5)
    return msgspec.structs.replace(made, **fields)


def user(id_: str = "u", **fields: object) -> UserRecord:
    made = UserRecord(id=id_, created_at=1.5, updated_at=2.5)
    return msgspec.structs.replace(made, **fields)


FULL_TEAM = team(alias="ü", models=("m", "a/*"), metadata={"k": [1, None]}, blocked=True)
FULL_USER = user(
    alias="ü",
    email="u@example.org",
    role="proxy_admin",
    models=("m",),
    metadata={"k": {}},
    blocked=True,
)


async def test_teams_and_users_come_back_as_they_were_stored(store: Store) -> None:
    for each in (team("2"), FULL_TEAM):
        await store.insert_team(each)
        assert await store.get_team(each.id) == each
    for one in (user("2"), FULL_USER):
        await store.insert_user(one)
        assert await store.get_user(one.id) == one
    assert await store.list_teams() == [team("2"), FULL_TEAM]
    assert await store.list_users() == [user("2"), FULL_USER]
    assert (await store.get_team("no"), await store.get_user("no")) == (None, None)


async def test_taken_ids_and_emails_are_conflicts(store: Store) -> None:
    await store.insert_team(team())
    await store.insert_user(FULL_USER)
    await store.insert_user(user("2"))
    await store.insert_user(user("3"))
    for write in (
        store.insert_team(team(alias="other")),
        store.insert_user(user()),
        store.insert_user(user("4", email=FULL_USER.email)),
        store.change_user("2", lambda old: msgspec.structs.replace(old, email=FULL_USER.email)),
    ):
        with pytest.raises(Conflict):
            await write
    assert await store.get_user("2") == user("2")


async def test_a_key_stands_with_its_team_and_its_user(store: Store) -> None:
    await store.insert_key(key_record(1, team_id="t", user_id="u"))
    key = key_record(1, team_id="t", user_id="u")
    assert await store.get_standing(key_id(1)) == Standing(key=key)
    await store.insert_team(FULL_TEAM)
    assert await store.get_standing(key_id(1)) == Standing(key=key, team=FULL_TEAM)
    await store.insert_user(FULL_USER)
    standing = await store.get_standing(key_id(1))
    assert standing == Standing(key=key, team=FULL_TEAM, user=FULL_USER)
    await store.insert_key(FULL)
    assert await store.get_standing(FULL.id) == Standing(key=FULL)
    assert await store.get_standing(key_id(9)) is None


async def test_changes_of_teams_and_users_move_the_epoch(store: Store) -> None:
    await store.insert_team(team())
    await store.insert_user(user())
    epoch = await store.revocation_epoch()
    assert await store.change_team("t", lambda _: FULL_TEAM) == FULL_TEAM
    assert await store.change_user("u", lambda _: FULL_USER) == FULL_USER
    assert (await store.get_team("t"), await store.get_user("u")) == (FULL_TEAM, FULL_USER)
    assert await store.revocation_epoch() == epoch + 2
    assert await store.change_team("no", lambda old: old) is None
    assert await store.change_user("no", lambda old: old) is None
    assert await store.revocation_epoch() == epoch + 2


async def test_a_user_that_comes_later_moves_the_epoch(store: Store) -> None:
    """Keys may name a user that is stored, and blocked, only afterwards."""
    epoch = await store.revocation_epoch()
    await store.insert_user(user(blocked=True))
    assert await store.revocation_epoch() > epoch


async def test_keys_go_with_their_team_and_their_user(store: Store) -> None:
    await store.insert_team(team("t"))
    await store.insert_user(user("u"))
    await store.insert_key(key_record(1, team_id="t"))
    await store.insert_key(key_record(2, team_id="other"))
    await store.insert_key(key_record(3, user_id="u"))
    await store.insert_key(key_record(4))
    epoch = await store.revocation_epoch()
    assert await store.delete_teams(["t", "t", "other"]) == ["t"]
    assert await store.delete_users(["u", "no"]) == ["u"]
    assert await store.revocation_epoch() >= epoch + 2
    left, _ = await store.list_keys(KeyFilter())
    assert [key.id for key in left] == [key_id(4), key_id(2)]
    assert (await store.list_teams(), await store.list_users()) == ([], [])
    assert await store.delete_teams([]) == await store.delete_users(["no"]) == []


async def test_a_key_may_change_its_id(store: Store) -> None:
    await store.insert_key(key_record(1, alias="a"))
    await store.insert_key(key_record(2))
    changed = msgspec.structs.replace(key_record(1, alias="a"), id=key_id(3))
    assert await store.change_key(key_id(1), lambda _: changed) == changed
    assert await store.get_key(key_id(1)) is None
    assert await store.get_key(key_id(3)) == changed
    with pytest.raises(Conflict):
        await store.change_key(key_id(3), lambda old: msgspec.structs.replace(old, id=key_id(2)))
    assert await store.get_key(key_id(3)) == changed


async def test_what_a_change_raises_leaves_everything_as_it_was(store: Store) -> None:
    await store.insert_key(key_record())
    epoch = await store.revocation_epoch()

    def refuse(_key: KeyRecord) -> KeyRecord:
        raise Forbidden("no")

    with pytest.raises(Forbidden):
        await store.change_key(key_id(), refuse)
    assert await store.get_key(key_id()) == key_record()
    assert await store.revocation_epoch() == epoch
    assert await store.change_key(key_id(), blocked) == key_record(blocked=True)


async def test_changes_at_the_same_time_lose_nothing(store: Store) -> None:
    """A block and an update of the models once overwrote each other: the last writer won."""
    await store.insert_key(key_record(metadata={}))

    def add(number: int) -> Callable[[KeyRecord], KeyRecord]:
        return lambda old: msgspec.structs.replace(
            old, metadata={**old.metadata, str(number): number}
        )

    await asyncio.gather(*(store.change_key(key_id(), add(number)) for number in range(12)))
    key = await store.get_key(key_id())
    assert key is not None
    assert key.metadata == {str(number): number for number in range(12)}


async def test_last_use_is_written_and_never_goes_back(store: Store) -> None:
    for number in (1, 2, 3):
        await store.insert_key(key_record(number))
    epoch = await store.revocation_epoch()
    await store.touch_keys({key_id(1): 10.5, key_id(2): 20.25, key_id(9): 1.0})
    await store.touch_keys({key_id(1): 9.0, key_id(2): 30.0})
    await store.touch_keys({})
    keys, _ = await store.list_keys(KeyFilter())
    assert [key.last_used_at for key in keys] == [None, 30.0, 10.5]
    assert await store.revocation_epoch() == epoch, "a use takes no right away"
