"""What the parent and its worker processes say to each other: framed msgpack on a socket pair.

A frame is its length in 4 bytes, big-endian, then that many bytes.
"""

import asyncio
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from hx_gateway.app.children import ChildCommand
from hx_gateway.app.options import ServeOptions
from hx_gateway.usage.total import Family

MAX_FRAME = 256 * 1024 * 1024
_LENGTH = struct.Struct(">I")


class Begin(msgspec.Struct, tag="begin", frozen=True):
    """Parent: serve on these descriptors. `is_first`: no other worker was there before."""

    options: ServeOptions
    sockets: list[int]
    watchdog_s: float | None
    is_first: bool


class Stop(msgspec.Struct, tag="stop", frozen=True):
    """Parent: drain and end."""


class Hurry(msgspec.Struct, tag="hurry", frozen=True):
    """Parent: do not wait for live streams any longer."""


class Prepare(msgspec.Struct, tag="prepare", frozen=True):
    """Parent: compile the configuration anew, and say whether it is good.

    `turn` numbers what wants a verdict, so that a late one is not taken for another.
    """

    turn: int


class Commit(msgspec.Struct, tag="commit", frozen=True):
    """Parent: put to work what was prepared; every worker could. `turn`: see `Prepare`."""

    turn: int


class Count(msgspec.Struct, tag="count", frozen=True):
    """Parent: tell your numbers."""


class Totals(msgspec.Struct, tag="totals", frozen=True):
    """Parent: the numbers of all, as asked for."""

    families: list[Family]


class Notice(msgspec.Struct, tag="notice", frozen=True):
    """Worker: what a lone process would tell systemd, sd_notify(3)."""

    text: bytes


class Serving(msgspec.Struct, tag="serving", frozen=True):
    """Worker: this configuration is at work, since a moment ago."""

    state_dir: Path
    digest: str
    drain_s: float


class Verdict(msgspec.Struct, tag="verdict", frozen=True):
    """Worker: whether it could do what the parent said in that turn; why not is in its log."""

    turn: int
    is_good: bool


class Want(msgspec.Struct, tag="want", frozen=True):
    """Worker: these child processes are needed, one of each for all workers."""

    children: Sequence[ChildCommand]


class Counted(msgspec.Struct, tag="counted", frozen=True):
    """Worker: its numbers."""

    families: list[Family]


class Ask(msgspec.Struct, tag="ask", frozen=True):
    """Worker: tell me the numbers of all."""


Order = Begin | Stop | Hurry | Prepare | Commit | Count | Totals
Report = Notice | Serving | Verdict | Want | Counted | Ask


def framed(message: Order | Report) -> bytes:
    """Write one frame."""
    body = msgspec.msgpack.encode(message, enc_hook=str)  # paths
    return _LENGTH.pack(len(body)) + body


async def receive_order(reader: asyncio.StreamReader) -> Order:
    """Read what the parent says; raises IncompleteReadError or ConnectionError when it is gone."""
    order: Order = _ORDERS.decode(await _frame(reader))
    return order


async def receive_report(reader: asyncio.StreamReader) -> Report:
    """Read what a worker says; raises like `receive_order`."""
    report: Report = _REPORTS.decode(await _frame(reader))
    return report


async def _frame(reader: asyncio.StreamReader) -> bytes:
    (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    if length > MAX_FRAME:
        raise ConnectionError("a frame is too long")
    return await reader.readexactly(length)


def _path(_kind: type, value: object) -> Path:
    return Path(str(value))


_ORDERS: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(Order, dec_hook=_path)
_REPORTS: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(Report, dec_hook=_path)
