"""The beginnings of uploads: in memory while small, on disk beyond, gone afterwards."""

from pathlib import Path

import pytest
from tests.support.pipelines import collect

from hx_gateway.core.errors import DependencyError
from hx_gateway.web.spool import HELD, Spool, SpoolRoom


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def fill(spool: Spool, total: int, piece: int = 65536) -> bytes:
    data = bytes(range(256)) * (total // 256)
    for start in range(0, len(data), piece):
        spool.add(data[start : start + piece])
        if spool.size > HELD:
            await spool.spill()
    return data


async def test_what_is_small_stays_in_memory(tmp_path: Path) -> None:
    room = SpoolRoom(tmp_path)
    spool = Spool(room)
    data = await fill(spool, HELD)
    assert spool.whole == data
    assert room.used == 0
    assert await collect(spool.pieces()) == data


async def test_what_is_large_goes_to_disk_and_is_read_again_and_again(tmp_path: Path) -> None:
    room = SpoolRoom(tmp_path)
    spool = Spool(room)
    data = await fill(spool, 3 * HELD)
    assert spool.whole is None
    assert room.used > 2 * HELD
    assert await collect(spool.pieces()) == data
    assert await collect(spool.pieces()) == data
    assert names(tmp_path) == []  # the file has no name
    await spool.aclose()
    await spool.aclose()
    assert room.used == 0


async def test_all_uploads_together_have_a_limit(tmp_path: Path) -> None:
    room = SpoolRoom(tmp_path, limit=3 * HELD)
    first, second = Spool(room), Spool(room)
    await fill(first, 2 * HELD)
    with pytest.raises(DependencyError):
        await fill(second, 3 * HELD)
    await first.aclose()
    await second.aclose()
    assert room.used == 0


async def test_a_disk_that_cannot_be_written_is_told_without_its_path(tmp_path: Path) -> None:
    spool = Spool(SpoolRoom(tmp_path / "missing"))
    with pytest.raises(DependencyError) as caught:
        await fill(spool, 2 * HELD)
    assert "missing" not in caught.value.message
    await spool.aclose()
