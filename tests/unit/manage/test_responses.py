"""Kept answers belong to their owner, and a conversation is put together without foreign ids."""

import asyncio
from typing import Any

import msgspec
import pytest
from msgspec import Raw
from tests.support.clock import FakeClock
from tests.support.records import stored_response

from hx_gateway.core import wire
from hx_gateway.core.errors import DependencyError, InvalidRequest, NotFound
from hx_gateway.core.ports import StoredResponse
from hx_gateway.core.principal import Principal, Scope
from hx_gateway.core.snapshot import ResponseSettings
from hx_gateway.manage.responses import ResponseShelf, conversation_of, items_of, owner_of
from hx_gateway.store.memory import MemoryStore

ANNE = Principal(key_id="a" * 64, scopes=frozenset({Scope.INFERENCE}))
BOB = Principal(key_id="b" * 64, scopes=frozenset({Scope.INFERENCE}))
ANSWER = wire.raw({"id": "resp_1", "status": "completed", "output": []})
SAID = wire.raw([{"role": "user", "content": "Hi"}])


def shelf(store: MemoryStore | None = None, **settings: Any) -> ResponseShelf:
    return ResponseShelf(store or MemoryStore(), ResponseSettings(**settings), FakeClock())


async def test_an_answer_is_found_by_its_owner_and_by_nobody_else() -> None:
    kept = shelf()
    assert await kept.keep(ANNE, SAID, ANSWER)
    assert (await kept.find(ANNE, "resp_1")).response == bytes(ANSWER).decode()
    messages = set()
    for caller, id_ in ((BOB, "resp_1"), (ANNE, "resp_2"), (ANNE, "resp_1\0")):
        with pytest.raises(NotFound) as caught:
            await kept.find(caller, id_)
        messages.add(caught.value.message.replace(id_, "X"))
        with pytest.raises(NotFound):
            await kept.delete(caller, id_)
    assert len(messages) == 1
    await kept.delete(ANNE, "resp_1")
    with pytest.raises(NotFound):
        await kept.find(ANNE, "resp_1")


def test_a_users_keys_share_what_they_keep() -> None:
    def key(key_id: str, user_id: str | None) -> str:
        return owner_of(Principal(key_id=key_id, scopes=frozenset(), user_id=user_id))

    assert key("1", "anne") == key("2", "anne")
    assert key("1", None) != key("2", None)
    assert key("anne", None) != key("x", "anne")  # a key's id is no user's


@pytest.mark.parametrize(
    "answer",
    [
        b'{"id":"r","status":"failed"}',
        b'{"id":"r","status":"in_progress"}',
        b'{"status":"completed"}',
        b"[]",
        b"{",
    ],
)
async def test_only_a_complete_answer_is_kept(answer: bytes) -> None:
    store = MemoryStore()
    assert not await shelf(store).keep(ANNE, SAID, Raw(answer))


async def test_what_is_too_large_is_not_kept() -> None:
    size = len(SAID) + len(ANSWER)
    assert not await shelf(max_bytes=size - 1).keep(ANNE, SAID, ANSWER)
    assert await shelf(max_bytes=size).keep(ANNE, SAID, ANSWER)


class _Away(MemoryStore):
    async def keep_response(self, response: StoredResponse) -> None:
        raise DependencyError("PostgreSQL")


class _Hung(MemoryStore):
    async def keep_response(self, response: StoredResponse) -> None:
        await asyncio.Event().wait()


@pytest.mark.parametrize("store", [_Away(), _Hung()], ids=["away", "hung"])
async def test_a_store_that_fails_costs_the_client_its_memory_and_not_its_answer(
    store: MemoryStore,
) -> None:
    kept = ResponseShelf(store, ResponseSettings(), FakeClock(), wait_s=0.01)
    assert not await kept.keep(ANNE, SAID, ANSWER)


async def test_the_sweep_obeys_the_settings() -> None:
    store, clock = MemoryStore(), FakeClock()
    kept = ResponseShelf(store, ResponseSettings(ttl_s=10, max_per_owner=1), clock)
    for number in (1, 2):
        answer = wire.raw({"id": f"resp_{number}", "status": "completed"})
        assert await kept.keep(ANNE, SAID, answer)
        clock.advance(1)
    assert await kept.sweep() == 1
    with pytest.raises(NotFound):
        await kept.find(ANNE, "resp_1")
    clock.advance(9)
    with pytest.raises(NotFound):
        await kept.find(ANNE, "resp_2")
    assert await kept.sweep() == 1
    assert not ResponseShelf(store, ResponseSettings(ttl_s=0), clock).keeps


def test_a_text_is_one_message_and_items_stay_as_they_are() -> None:
    (item,) = items_of(Raw(b'"Hi"'))
    assert wire.decode_any(item) == {
        "type": "message",
        "role": "user",
        "content": [{"type": "input_text", "text": "Hi"}],
    }
    assert [bytes(item) for item in items_of(Raw(b'[{ "a":1e5 }]'))] == [b'{ "a":1e5 }']
    for wrong in (b"5", b"{}", b"null"):
        with pytest.raises(InvalidRequest):
            items_of(Raw(wrong))


def test_a_conversation_goes_on_without_ids_of_the_upstream() -> None:
    output = [
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": None},
        {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": "gAAA"},
        {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": "{}",
         "status": "completed"},
    ]  # fmt: skip
    earlier = stored_response(
        input='[{ "role":"user","content":"Hi" }]',
        response=msgspec.json.encode({"id": "resp_1", "output": output}).decode(),
    )
    now = Raw(b'{"type":"function_call_output","call_id":"c","output":"4"}')
    assert bytes(conversation_of(earlier, [now])) == (
        b'[{ "role":"user","content":"Hi" },'
        b'{"type":"reasoning","summary":[],"encrypted_content":"gAAA"},'
        b'{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},' + bytes(now) + b"]"
    )
    assert bytes(conversation_of(None, [now])) == b"[" + bytes(now) + b"]"
