"""The chat service around any engine: one at a time, bounded, abandoned when nobody listens."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from tests.support.openai_answers import whole

from hx_gateway.core.errors import InvalidRequest, RateLimited
from hx_gateway.core.http import Response
from hx_gateway.local.chat import ChatService
from hx_gateway.local.completion import Piece
from hx_gateway.local.prompt import Prompt


class CountingEngine:
    """Says numbers without end; counts how many, and how many answers ran at once."""

    def __init__(self, end: int | None = None) -> None:
        self.end = end
        self.made = 0
        self.running = 0
        self.most_running = 0
        self.begun = threading.Event()
        self.ended = threading.Event()

    def generate(self, prompt: Prompt) -> Iterator[Piece]:
        if prompt.messages[0]["content"] == "bad":
            raise InvalidRequest("bad")
        self.begun.set()
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            number = 0
            while self.end is None or number < self.end:
                number += 1
                self.made += 1
                is_last = number == self.end
                yield Piece(f"{number} ", "stop" if is_last else None, 1, number)
                threading.Event().wait(0.001)
        finally:
            self.running -= 1
            self.ended.set()


async def ask(service: ChatService, text: str = "hi", **more: Any) -> Response:
    body = {"messages": [{"role": "user", "content": text}], **more}
    return await service.answer(msgspec.json.encode(body))


async def test_answers_are_made_one_after_the_other() -> None:
    engine = CountingEngine(end=3)
    service = ChatService(engine)
    answers = await asyncio.gather(*(ask(service) for _ in range(5)))
    assert [whole(a)["choices"][0]["message"]["content"] for a in answers] == ["1 2 3 "] * 5
    assert engine.most_running == 1


async def test_a_full_queue_sends_away_with_a_time_to_come_back() -> None:
    service = ChatService(CountingEngine())
    calls = [asyncio.ensure_future(ask(service)) for _ in range(8)]
    await asyncio.sleep(0.01)
    with pytest.raises(RateLimited) as caught:
        await ask(service)
    assert caught.value.retry_after_s
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)


@pytest.mark.parametrize("is_stream", [True, False])
async def test_generation_ends_when_nobody_listens(is_stream: bool) -> None:
    engine = CountingEngine()
    service = ChatService(engine)
    if is_stream:
        response = await ask(service, stream=True)
        assert response.chunks is not None
        async for _ in response.chunks:
            break
        await response.chunks.aclose()
    else:
        call = asyncio.ensure_future(ask(service))
        assert await asyncio.to_thread(engine.begun.wait, 30)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
    assert await asyncio.to_thread(engine.ended.wait, 30)
    engine.end = 1
    assert (await ask(service)).status == 200


async def test_who_left_while_waiting_is_never_begun() -> None:
    engine = CountingEngine()
    service = ChatService(engine)
    first, second = (asyncio.ensure_future(ask(service)) for _ in range(2))
    assert await asyncio.to_thread(engine.begun.wait, 30)
    second.cancel()
    first.cancel()
    await asyncio.gather(first, second, return_exceptions=True)
    assert await asyncio.to_thread(engine.ended.wait, 30)
    made = engine.made
    await asyncio.sleep(0.02)
    assert engine.made == made


@pytest.mark.parametrize("is_stream", [True, False])
async def test_a_refusal_of_the_engine_reaches_the_caller(is_stream: bool) -> None:
    with pytest.raises(InvalidRequest):
        await ask(ChatService(CountingEngine()), "bad", stream=is_stream)
