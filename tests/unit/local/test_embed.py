"""The embedding service around any model."""

import asyncio
import base64
import struct
import threading
from typing import Any

import msgspec
import pytest

from hx_gateway.core.errors import GatewayError, InvalidRequest, RateLimited
from hx_gateway.local.embed import EmbedService


class LengthModel:
    """A text's vector is its length; waits while `gate` is closed."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()

    def embed(self, text: str) -> tuple[list[float], int]:
        self.gate.wait(5)
        return [float(len(text)), 0.5], len(text)


async def answer(body: dict[str, Any]) -> Any:
    response = await EmbedService(LengthModel()).answer(msgspec.json.encode(body))
    return msgspec.json.decode(response.body)


async def test_vectors_come_in_the_order_of_the_texts_with_the_tokens_read() -> None:
    found = await answer({"model": "any", "input": ["aaa", "b"]})
    assert [(each["index"], each["embedding"]) for each in found["data"]] == [
        (0, [3.0, 0.5]),
        (1, [1.0, 0.5]),
    ]
    assert found["usage"] == {"prompt_tokens": 4, "total_tokens": 4}


async def test_base64_is_little_endian_float32() -> None:
    found = await answer({"input": "aaa", "encoding_format": "base64"})
    packed = base64.b64decode(found["data"][0]["embedding"])
    assert struct.unpack("<2f", packed) == (3.0, 0.5)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"input": []},
        {"input": ["a", ""]},
        {"input": [1, 2]},
        {"input": "a", "dimensions": 64},
        {"input": "a", "encoding_format": "hex"},
    ],
)
async def test_what_cannot_be_embedded_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(GatewayError):
        await answer(body)


async def test_its_own_number_of_dimensions_may_be_asked_for() -> None:
    assert await answer({"input": "a", "dimensions": 384})
    with pytest.raises(InvalidRequest):
        await answer({"input": "a", "dimensions": 383})


async def test_too_many_calls_at_once_are_sent_away_and_room_comes_back() -> None:
    model = LengthModel()
    service = EmbedService(model)
    model.gate.clear()
    calls = [asyncio.ensure_future(service.answer(b'{"input":"a"}')) for _ in range(64)]
    await asyncio.sleep(0)
    with pytest.raises(RateLimited):
        await service.answer(b'{"input":"a"}')
    model.gate.set()
    await asyncio.gather(*calls)
    assert (await service.answer(b'{"input":"a"}')).status == 200
