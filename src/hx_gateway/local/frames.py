"""What the gateway and the vector engine's process say to each other: framed msgpack.

A frame is its length in 4 bytes, big-endian, then that many bytes. Answers come in the order of the
questions. Filters travel in Qdrant's JSON form.
"""

import asyncio
import struct
from typing import Any

import msgspec

from hx_gateway.core.ports import Collection, Hit, Point

MAX_FRAME = 256 * 1024 * 1024
_LENGTH = struct.Struct(">I")


class Find(msgspec.Struct, tag="find", frozen=True):
    """Look a collection up."""

    name: str


class Create(msgspec.Struct, tag="create", frozen=True):
    """Make a collection."""

    collection: Collection


class Upsert(msgspec.Struct, tag="upsert", frozen=True):
    """Write points."""

    name: str
    points: list[Point]


class Search(msgspec.Struct, tag="search", frozen=True):
    """Find the nearest points."""

    name: str
    vector: list[float]
    where: dict[str, Any]
    limit: int
    score_threshold: float | None


class Count(msgspec.Struct, tag="count", frozen=True):
    """Count what matches."""

    name: str
    where: dict[str, Any]


class Delete(msgspec.Struct, tag="delete", frozen=True):
    """Remove what matches."""

    name: str
    where: dict[str, Any]


class Ping(msgspec.Struct, tag="ping", frozen=True):
    """Say that you are there."""


class Done(msgspec.Struct, tag="done", frozen=True):
    """It worked; only the field that the question asks for is set."""

    collection: Collection | None = None
    hits: list[Hit] = []
    count: int = 0


class Refused(msgspec.Struct, tag="refused", frozen=True):
    """It did not: `kind` is conflict, missing or failed; `message` is fit for a client."""

    kind: str
    message: str


Question = Find | Create | Upsert | Search | Count | Delete | Ping
Answer = Done | Refused


async def receive(reader: asyncio.StreamReader) -> bytes:
    """Read one frame; raises IncompleteReadError at the end, ConnectionError for nonsense."""
    (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    if length > MAX_FRAME:
        raise ConnectionError("a frame is too long")
    return await reader.readexactly(length)


def framed(message: Question | Answer) -> bytes:
    """Write one frame."""
    body = msgspec.msgpack.encode(message)
    return _LENGTH.pack(len(body)) + body
