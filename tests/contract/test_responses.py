"""What every store keeps to about kept answers: memory, SQLite, PostgreSQL."""

import msgspec
import pytest
from tests.support.records import MADE_AT, stored_response

from hx_gateway.core.errors import InvalidRequest
from hx_gateway.core.ports import Store

# Escapes that databases trip over, white space, big numbers, an order of fields: all must stay.
AWKWARD = '{ "b":1 ,"a":[ 1e999,\t123456789012345678901234567890 ],"t":"\\u0000\\ud800 \\"ü\\" 💡"}'


async def test_an_answer_comes_back_byte_for_byte(store: Store) -> None:
    kept = stored_response(input=f"[{AWKWARD}]", response=AWKWARD)
    await store.keep_response(kept)
    assert await store.get_response(kept.owner, kept.id, now=MADE_AT) == kept


async def test_another_owners_answer_is_not_there(store: Store) -> None:
    mine, theirs = stored_response(), stored_response(owner="key:b", response="{}")
    await store.keep_response(mine)
    assert await store.get_response("key:b", mine.id, now=MADE_AT) is None
    assert await store.delete_response("key:b", mine.id, now=MADE_AT) is False
    await store.keep_response(theirs)
    assert await store.get_response(mine.owner, mine.id, now=MADE_AT) == mine
    assert await store.delete_response("key:b", mine.id, now=MADE_AT) is True
    assert await store.get_response(mine.owner, mine.id, now=MADE_AT) == mine


async def test_the_same_id_again_replaces_the_answer(store: Store) -> None:
    await store.keep_response(stored_response())
    newer = stored_response(response='{"second":true}', created_at=MADE_AT + 9)
    await store.keep_response(newer)
    assert await store.get_response(newer.owner, newer.id, now=MADE_AT) == newer


async def test_an_expired_answer_is_not_there_even_before_it_is_swept(store: Store) -> None:
    kept = stored_response()
    await store.keep_response(kept)
    assert await store.get_response(kept.owner, kept.id, now=kept.expires_at - 0.5) == kept
    assert await store.get_response(kept.owner, kept.id, now=kept.expires_at) is None
    assert await store.delete_response(kept.owner, kept.id, now=kept.expires_at) is False


async def test_a_deleted_answer_is_gone(store: Store) -> None:
    kept = stored_response()
    await store.keep_response(kept)
    assert await store.delete_response(kept.owner, kept.id, now=MADE_AT) is True
    assert await store.delete_response(kept.owner, kept.id, now=MADE_AT) is False
    assert await store.get_response(kept.owner, kept.id, now=MADE_AT) is None


async def test_a_sweep_takes_what_expired_and_an_owners_oldest(store: Store) -> None:
    await store.keep_response(stored_response(1, expires_at=MADE_AT + 10))
    for number in (2, 3, 4):
        await store.keep_response(stored_response(number))
    await store.keep_response(stored_response(1, owner="key:b"))
    assert await store.sweep_responses(now=MADE_AT + 10, most=2) == 2
    left = [
        number
        for number in (1, 2, 3, 4)
        if await store.get_response("key:a", f"resp_{number}", now=MADE_AT)
    ]
    assert left == [3, 4]
    assert await store.get_response("key:b", "resp_1", now=MADE_AT) is not None
    assert await store.sweep_responses(now=MADE_AT + 10, most=2) == 0


async def test_keeping_an_answer_takes_no_right_away(store: Store) -> None:
    before = await store.revocation_epoch()
    await store.keep_response(stored_response())
    await store.delete_response("key:a", "resp_1", now=MADE_AT)
    assert await store.revocation_epoch() == before


@pytest.mark.parametrize("field", ["owner", "id", "input", "response"])
async def test_a_nul_character_is_the_callers_mistake(store: Store, field: str) -> None:
    with pytest.raises(InvalidRequest):
        await store.keep_response(msgspec.structs.replace(stored_response(), **{field: "a\0"}))
