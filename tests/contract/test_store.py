"""What every store keeps to: memory, SQLite, PostgreSQL."""

import asyncio

import msgspec
import pytest
from tests.support.records import key_id, key_record

from hx_gateway.core.errors import Conflict, InvalidRequest
from hx_gateway.core.ports import KeyFilter, KeyRecord, Store
from hx_gateway.core.principal import Scope

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
    assert await store.update_key(changed)
    assert await store.get_key(FULL.id) == changed


async def test_an_update_of_an_unknown_key_says_so(store: Store) -> None:
    assert await store.update_key(key_record()) is False
    assert await store.get_key(key_id()) is None


async def test_an_update_cannot_take_the_alias_of_another_key(store: Store) -> None:
    await store.insert_key(key_record(1, alias="a"))
    await store.insert_key(key_record(2, alias="b"))
    epoch = await store.revocation_epoch()
    with pytest.raises(Conflict):
        await store.update_key(key_record(2, alias="a"))
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
    await store.update_key(key_record(2))
    await store.delete_keys([key_id(2)])
    assert await store.revocation_epoch() == seen[0]
    await store.update_key(key_record(blocked=True))
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
        *(store.update_key(key_record(number, blocked=True)) for number in range(10)),
        *(store.delete_keys([key_id(number)]) for number in range(10, 20)),
    )
    assert await store.revocation_epoch() == before + 20


async def test_a_store_that_works_answers_a_ping(store: Store) -> None:
    await store.ping()
