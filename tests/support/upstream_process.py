"""A scripted upstream in a process of its own, so that it can be killed or hung from outside."""

import asyncio
import socket
import sys
import time
from pathlib import Path

from tests.support.processes import ServerProcess, free_port
from tests.support.upstream import Upstream

_ROOT = Path(__file__).parents[2]
_START = (
    "import sys; sys.path.insert(0, {root!r}); "
    "from tests.support.upstream_process import serve; serve({port})"
)


class UpstreamProcess:
    """An `Upstream` that behaves well until it is killed (`kill`) or stopped (`stop`)."""

    def __init__(self, folder: Path) -> None:
        """Nothing runs before `start`."""
        folder.mkdir(parents=True)
        self.port = free_port()
        command = [sys.executable, "-c", _START.format(root=str(_ROOT), port=self.port)]
        self._server = ServerProcess(command, folder, self._wait)
        self.start = self._server.start
        self.kill = self._server.kill
        self.stop = self._server.stop
        self.cont = self._server.cont

    @property
    def base_url(self) -> str:
        """What goes into `api_base`."""
        return f"http://127.0.0.1:{self.port}/v1"

    def _wait(self) -> None:
        end = time.monotonic() + 60.0
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=10.0).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError("the upstream process does not listen")


def serve(port: int) -> None:
    """Serve for ever; what the process runs."""
    asyncio.run(_serve(port))


async def _serve(port: int) -> None:
    upstream = Upstream()
    upstream.port = port
    async with upstream:
        await asyncio.Event().wait()
