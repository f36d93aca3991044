"""Where uploads wait until it is known where they go: in memory while small, else on disk.

Nothing is ever seen of it: the file has no name. Disk work is done in threads, a megabyte at most
at a time, so that no other request waits for it.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO

from hx_gateway.core.errors import DependencyError

HELD = 1024 * 1024  # bytes of one upload that are kept in memory
_BATCH = 256 * 1024
_ROLE = "space for uploads"


class SpoolRoom:
    """The disk space for uploads of one process; all together take no more than `limit` bytes."""

    def __init__(self, folder: Path, limit: int = 1024 * 1024 * 1024) -> None:
        """`folder` must be on a disk: in one that is memory nothing would be won."""
        self.folder = folder
        self._limit = limit
        self.used = 0

    def take(self, size: int) -> None:
        """Reserve space; raises DependencyError when there is none."""
        if self.used + size > self._limit:
            raise DependencyError(_ROLE)
        self.used += size

    def give_back(self, size: int) -> None:
        """Free space."""
        self.used -= size


class Spool:
    """The beginning of one upload. `size` in bytes; `whole` is all of it while it is in memory."""

    def __init__(self, room: SpoolRoom) -> None:
        """Be empty; no file yet."""
        self._room = room
        self._held: list[bytes] = []
        self._held_size = 0
        self._file: IO[bytes] | None = None
        self._on_disk = 0
        self.size = 0

    def add(self, piece: bytes) -> None:
        """Keep a piece in memory."""
        self._held.append(piece)
        self._held_size += len(piece)
        self.size += len(piece)

    async def spill(self) -> None:
        """Move what is in memory to disk when it is worth it; raises DependencyError."""
        if self._held_size >= _BATCH:
            await self._write()

    @property
    def whole(self) -> bytes | None:
        """All bytes, or None when some are on disk."""
        return b"".join(self._held) if self._file is None else None

    async def pieces(self) -> AsyncIterator[bytes]:
        """Read from the beginning."""
        at = 0
        while self._file is not None and at < self._on_disk:
            data = await asyncio.to_thread(_read, self._file, at)
            at += len(data)
            yield data
        for piece in self._held:
            yield piece

    async def aclose(self) -> None:
        """Forget everything."""
        file, self._file = self._file, None
        self._held.clear()
        self._room.give_back(self._on_disk)
        self._on_disk = 0
        if file is not None:
            await asyncio.to_thread(file.close)

    async def _write(self) -> None:
        data = b"".join(self._held)
        self._room.take(len(data))
        self._on_disk += len(data)
        try:
            if self._file is None:
                self._file = await asyncio.to_thread(_open, self._room.folder)
            await asyncio.to_thread(self._file.write, data)
        except OSError as error:
            raise DependencyError(_ROLE) from error
        self._held.clear()
        self._held_size = 0


def _open(folder: Path) -> IO[bytes]:
    return tempfile.TemporaryFile(dir=folder, buffering=0)


def _read(file: IO[bytes], at: int) -> bytes:
    file.seek(at)
    data = file.read(_BATCH)
    if not data:
        raise DependencyError(_ROLE)
    return data
