"""Keep answers as files in one folder, within a number of bytes. For one process.

The number and sizes of the files are known in memory, so that keeping one costs no look around.
"""

import asyncio
import os
import re
import struct
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from hx_gateway.core.answers import ServerInfo, answer_label
from hx_gateway.core.clock import Clock
from hx_gateway.core.errors import DependencyError

T = TypeVar("T")

ROLE = "answer cache"
_SUFFIX = ".answer"
_LABEL = re.compile(r"[0-9a-f]{32}-[0-9a-f]{1,64}\Z")
_EXPIRY = struct.Struct("<d")  # wall time, before the answer itself
_BLOCK = 4096  # what the smallest file takes


class DiskAnswers:
    """Kept answers; when there is no room, the one that was not asked for longest goes.

    Everything that touches the disk runs in one thread at a time, beside the event loop.
    """

    is_shared = False

    def __init__(self, folder: Path, clock: Clock, max_bytes: int) -> None:
        """The folder is made, or looked through, at the first call."""
        self._folder = folder
        self._clock = clock
        self._max_bytes = max_bytes
        self._taken = 0
        self._sizes: OrderedDict[str, int] | None = None
        self._busy = asyncio.Lock()

    async def get(self, name: str, *, tenant: str) -> bytes | None:
        """See `Answers`."""
        return await self._run(lambda: self._get(answer_label(tenant, name)))

    async def get_all(self, names: Sequence[str], *, tenant: str) -> list[bytes | None]:
        """See `Answers`."""
        return await self._run(lambda: [self._get(answer_label(tenant, name)) for name in names])

    async def put(self, name: str, value: bytes, *, tenant: str, ttl_s: float) -> None:
        """See `Answers`."""
        label, until = answer_label(tenant, name), self._clock.now() + ttl_s
        await self._run(lambda: self._put(label, _EXPIRY.pack(until) + value))

    async def delete(self, labels: Sequence[str]) -> int:
        """See `Answers`. What is no label cannot be the name of a file either."""
        good = [label for label in labels if _LABEL.match(label)]
        return await self._run(lambda: sum(self._drop(label) for label in good))

    async def flush(self) -> None:
        """See `Answers`. Only files that are answers are removed."""
        await self._run(lambda: [self._drop(label) for label in [*self._known()]])

    async def lease(self, name: str, *, tenant: str, holder: str, ttl_s: float) -> bool:  # noqa: ARG002
        """See `Answers`: nobody else is there."""
        return True

    async def release(self, name: str, *, tenant: str, holder: str) -> None:
        """See `Answers`."""

    async def ping(self) -> None:
        """See `Answers`: writes and removes a file."""
        await self._run(self._probe)

    async def describe(self) -> ServerInfo | None:
        """See `Answers`."""
        return None

    async def aclose(self) -> None:
        """See `Answers`; the files stay."""

    async def _run(self, work: Callable[[], T]) -> T:
        async with self._busy:
            try:
                return await asyncio.to_thread(work)
            except OSError as error:
                self._sizes = None  # look around again
                raise DependencyError(ROLE) from error

    def _get(self, label: str) -> bytes | None:
        known = self._known()
        if label not in known:
            return None
        try:
            data = self._path(label).read_bytes()
        except FileNotFoundError:
            self._drop(label)
            return None
        if len(data) < _EXPIRY.size or _EXPIRY.unpack_from(data)[0] <= self._clock.now():
            self._drop(label)
            return None
        known.move_to_end(label)
        return data[_EXPIRY.size :]

    def _put(self, label: str, data: bytes) -> None:
        known = self._known()
        self._drop(label)
        path = self._path(label)
        new = path.with_suffix(".new")
        new.write_bytes(data)
        new.replace(path)  # a file is there whole, or not at all
        known[label] = size = _size(len(data))
        self._taken += size
        while self._taken > self._max_bytes:
            self._drop(next(iter(known)))

    def _drop(self, label: str) -> bool:
        size = self._known().pop(label, None)
        if size is None:
            return False
        self._taken -= size
        self._path(label).unlink(missing_ok=True)
        return True

    def _known(self) -> OrderedDict[str, int]:
        """Give the sizes of all files, the one that was kept first first."""
        if self._sizes is None:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            found: list[tuple[float, str, int]] = []
            for path in self._folder.glob(f"*{_SUFFIX}"):
                if _LABEL.match(path.stem):
                    status = path.stat()
                    found.append((status.st_mtime, path.stem, _size(status.st_size)))
            self._sizes = OrderedDict((label, size) for _, label, size in sorted(found))
            self._taken = sum(self._sizes.values())
        return self._sizes

    def _probe(self) -> None:
        self._known()
        probe = self._folder / f".probe.{os.getpid()}"
        probe.write_bytes(b"")
        probe.unlink()

    def _path(self, label: str) -> Path:
        return self._folder / f"{label}{_SUFFIX}"


def _size(length: int) -> int:
    return -(-length // _BLOCK) * _BLOCK
