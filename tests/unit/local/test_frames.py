"""Framed messages."""

import asyncio

import msgspec
import pytest

from hx_gateway.core.ports import Collection, Hit
from hx_gateway.local import frames
from hx_gateway.local.frames import Answer, Done, Ping, Question, Refused, Search


def reader(data: bytes) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    return reader


async def test_messages_come_back_as_they_went() -> None:
    sent: list[Question | Answer] = [
        Search("n", [1.0, -0.5], {"must": [{"key": "k", "match": {"any": ["ä"]}}]}, 5, None),
        Ping(),
        Done(
            collection=Collection(name="c", model="m", dimension=3),
            hits=[Hit(id="i", score=0.5, payload={"a": [1, None, {"b": True}]})],
        ),
        Refused("conflict", "no"),
    ]
    incoming = reader(b"".join(frames.framed(message) for message in sent))
    for message in sent:
        assert msgspec.msgpack.decode(await frames.receive(incoming), type=type(message)) == message


@pytest.mark.parametrize("data", [b"", b"\x00\x00", b"\x00\x00\x00\x05ab"])
async def test_a_cut_frame_is_an_end(data: bytes) -> None:
    with pytest.raises(asyncio.IncompleteReadError):
        await frames.receive(reader(data))


async def test_an_absurd_length_is_not_waited_for() -> None:
    with pytest.raises(ConnectionError):
        await frames.receive(reader(b"\xff\xff\xff\xff"))
