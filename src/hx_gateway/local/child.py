"""How a child process lives: one service on a Unix socket, for as long as its parent does.

The socket is bound before anything heavy is imported; calls that come while the model loads wait
for it. What the parent must know it reads from standard output, one JSON line a change.
"""

import argparse
import asyncio
import ctypes
import logging
import os
import signal
import stat
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

from hx_gateway.core import wire
from hx_gateway.core.errors import (
    DependencyError,
    GatewayError,
    InvalidRequest,
    NotFound,
    Unprocessable,
)
from hx_gateway.core.http import JSON_TYPE, BodyRule, Request, Response
from hx_gateway.core.snapshot import ServerSettings
from hx_gateway.transport.server import Edge
from hx_gateway.transport.server.listen import bind_unix

_log = logging.getLogger(__name__)
_PR_SET_PDEATHSIG = 1  # prctl(2)
_DRAIN_S = 20.0
_MAX_BODY = 16 * 1024 * 1024


class Service(Protocol):
    """What one child offers: a model under one OpenAI-shaped path."""

    model: str
    path: str

    def load(self) -> None:
        """Get ready; runs in a thread of its own and may take seconds."""
        ...

    async def answer(self, body: bytes) -> Response:
        """Answer one POST to `path`; raises GatewayError."""
        ...


class Front:
    """The application of a child: its service, its list of models, its health."""

    def __init__(self, service: Service) -> None:
        """Nothing is loaded yet."""
        self._service = service
        self._loaded = asyncio.Event()
        self.failure: str | None = None

    async def load(self) -> None:
        """Load the service; raises what its loading raises, after noting it."""
        try:
            await asyncio.to_thread(self._service.load)
        except Exception as error:
            self.failure = f"{type(error).__name__}: {error}"
            raise
        finally:
            self._loaded.set()

    def check_head(self, _request: Request) -> BodyRule | Response:
        """Take bodies of up to 16 MiB: the gateway has its own, smaller limits."""
        return BodyRule(max_bytes=_MAX_BODY)

    async def answer(self, request: Request) -> Response:
        """See `core.http.Application`."""
        try:
            return await self._answer(request)
        except Unprocessable as error:  # an OpenAI-shaped upstream says 400
            return _refuse(InvalidRequest(error.message, param=error.param))
        except GatewayError as error:
            return _refuse(error)
        except Exception:  # noqa: BLE001 - a child's last resort, as web/errors.py is the gateway's
            _log.exception("a call failed")
            return _refuse(GatewayError("The local model failed; its log says why."))

    async def _answer(self, request: Request) -> Response:
        match request.method, request.path:
            case "GET", "/healthz":
                return self._health()
            case "GET", "/v1/models":
                listed = {"id": self._service.model, "object": "model", "owned_by": "local"}
                return _json({"object": "list", "data": [listed]})
            case "POST", path if path == self._service.path:
                await self._loaded.wait()
                if self.failure is not None:
                    raise DependencyError("local model")
                return await self._service.answer(request.body)
            case _:
                raise NotFound(f"The local model has only {self._service.path}.")

    def _health(self) -> Response:
        is_ready = self._loaded.is_set() and self.failure is None
        state = "ready" if is_ready else "failed" if self.failure else "starting"
        return _json({"ok": is_ready, "state": state}, 200 if is_ready else 503)


def run(service: Service) -> None:
    """Be the child process that serves `service` on `--socket` until told or orphaned."""
    asyncio.run(_serve_http(service, arguments().socket))


def arguments(*more: str) -> argparse.Namespace:
    """Read `--socket PATH` from the command line, and the further paths named in `more`."""
    parser = argparse.ArgumentParser()
    for name in ("--socket", *more):
        parser.add_argument(name, type=Path, required=True)
    return parser.parse_args()


async def _serve_http(service: Service, path: Path) -> None:
    front = Front(service)
    edge = Edge(front, ServerSettings(heartbeat_interval=5.0))
    listener = bind_unix(path)
    await edge.start([listener])
    await live(front.load)
    await edge.drain(_DRAIN_S)


async def live(load: Callable[[], Awaitable[None]]) -> None:
    """Load, report it to the parent, and return when this process should end.

    Ends on SIGTERM, and when standard input (the parent's pipe) closes. Ctrl-C in a terminal goes
    to the whole process group; it is the parent's to act on, after it has drained.
    """
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(message)s")
    die_with_parent()
    report = _take_stdout()
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, over.set)
    loop.add_signal_handler(signal.SIGINT, _ignore)
    await _watch_stdin(over)
    try:
        await load()
    except Exception as error:  # noqa: BLE001 - any reason is the parent's to know
        _log.exception("loading failed")
        report(b'{"state":"failed","reason":%s}' % wire.encode(_reason(error)))
    else:
        report(b'{"state":"ready"}')
    await over.wait()


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent dies, even while it holds the GIL."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _reason(error: Exception) -> str:
    if isinstance(error, GatewayError):
        return error.message
    return f"{type(error).__name__}: {error}"


def _take_stdout() -> Callable[[bytes], None]:
    """Keep standard output for reports; whatever libraries print goes to standard error."""
    channel = os.dup(1)
    os.dup2(2, 1)

    def report(line: bytes) -> None:
        os.write(channel, line + b"\n")

    return report


async def _watch_stdin(over: asyncio.Event) -> None:
    mode = os.fstat(0).st_mode
    if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):  # a person may start a child by hand

        class Watch(asyncio.Protocol):
            def connection_lost(self, _exc: Exception | None) -> None:
                over.set()

        await asyncio.get_running_loop().connect_read_pipe(Watch, sys.stdin)


def _ignore() -> None:
    pass


def _refuse(error: GatewayError) -> Response:
    inner = {
        "message": error.message,
        "type": error.error_type,
        "param": error.param,
        "code": error.error_code,
    }
    response = _json({"error": inner}, error.http_status)
    if error.retry_after_s is not None:
        response.headers.append((b"retry-after", b"%d" % max(1, round(error.retry_after_s))))
    return response


def _json(value: object, status: int = 200) -> Response:
    return Response(status, wire.encode(value), [JSON_TYPE])
