"""`serve --workers N`: hold the port, keep N processes serving it, and answer for all of them.

The parent serves nothing itself. Why it is made so: `docs/decisions/0016-workers.md`.
"""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence

import msgspec

from hx_gateway.app.agreement import Outcome, agree
from hx_gateway.app.children import Children
from hx_gateway.app.listen import Listen
from hx_gateway.app.notify import supervisor
from hx_gateway.app.options import ServeOptions
from hx_gateway.app.pidfile import pid_path, write_pid
from hx_gateway.app.post import Post
from hx_gateway.app.worker_counts import KEEP_EVERY_S, WorkerCounts
from hx_gateway.app.worker_talk import Ask, Begin, Hurry, Report, Serving, Totals, Want
from hx_gateway.core.clock import SystemClock
from hx_gateway.core.tasks import spawn
from hx_gateway.usage import log
from hx_gateway.usage.line_writer import LineWriter

_log = logging.getLogger(__name__)
STEADY_S = 10.0  # who ran this long is replaced at once
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 30.0
_LOOK_EVERY_S = 0.5
_GRACE_S = 15.0  # beyond the time for live streams
_CANNOT_START = 71  # EX_OSERR of sysexits(3)


class Workers:
    """The processes that serve one port together, and what exists once for all of them."""

    def __init__(
        self, options: ServeOptions, listen: Listen, sockets: Sequence[socket.socket]
    ) -> None:
        """`sockets` are bound already; open here, they keep clients that no worker took yet."""
        self._options = msgspec.structs.replace(options, host=listen.host, port=listen.port)
        self._environ: Mapping[str, str] = listen.environ
        self._sockets = sockets
        self._clock = SystemClock()
        self._posts = [Post(n + 1, self._clock) for n in range(options.workers)]
        self._counts = WorkerCounts(self._posts)
        self._keepers: list[asyncio.Task[int]] = []
        self._supervisor = supervisor(listen.environ, os.getpid(), self._clock)
        self._children: Children | None = None
        self._serving: Serving | None = None  # what the worker that said it last has at work
        self._is_up = False
        self._status = ""
        self._stop = asyncio.Event()
        self._news = asyncio.Event()
        self._reloading = asyncio.Lock()

    async def run(self) -> int:
        """Serve until a signal; gives the exit code."""
        lines = LineWriter(sys.stdout.fileno(), _as_it_is, is_shared=True)
        log.install(lines, "INFO")
        self._listen_to_signals()
        background = [
            spawn(self._supervisor.keep_alive(), name="watchdog"),
            spawn(self._look_after(), name="workers"),
            spawn(self._keep_counts(), name="counts"),
        ]
        try:
            code = await self._bring_up()
            if code == 0:
                await self._stop.wait()
            return code
        finally:
            await self._shut_down()
            for task in background:
                task.cancel()
            lines.close()

    async def _bring_up(self) -> int:
        """Start the first worker, then the others; gives an exit code, 0 when all serve.

        One at first: it says what is wrong once, and makes what all of them need.
        """
        first, *others = self._posts
        keeper = self._fill(first)
        while first.serving is None and not self._stop.is_set():
            if keeper.done():
                return max(keeper.result(), 1)  # killed by a signal is below 0
            await self._hear()
        for post in others:
            _ = self._fill(post)
        while not self._stop.is_set() and any(post.serving is None for post in self._posts):
            await self._hear()
        if not self._stop.is_set():
            self._is_up = True
            self._is_in_force()
        return 0

    async def _hear(self) -> None:
        await self._news.wait()
        self._news.clear()

    def _fill(self, post: Post) -> asyncio.Task[int]:
        keeper = spawn(self._keep(post), name=f"worker {post.number}")
        keeper.add_done_callback(lambda _: self._news.set())
        self._keepers.append(keeper)
        return keeper

    async def _keep(self, post: Post) -> int:
        """Fill a place for ever. Gives the exit code when no worker ever served."""
        wait_s = 0.0
        while True:
            began = self._clock.monotonic()
            code = await self._fill_once(post)
            stops = self._stop.is_set()
            self._counts.ended(post, by_itself=not stops)
            if stops or self._serving is None:
                return code
            wait_s = pause_s(self._clock.monotonic() - began, wait_s)
            _log.error("worker %d ended, %s; next in %.1f s", post.number, ending(code), wait_s)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), wait_s)
                return code

    async def _fill_once(self, post: Post) -> int:
        is_first = self._serving is None
        begin = Begin(
            # Two that migrate at once would wait for each other, and the second for nothing.
            msgspec.structs.replace(self._options, migrate=self._options.migrate and is_first),
            [each.fileno() for each in self._sockets],
            self._supervisor.watchdog_s,
            is_first,
        )
        try:
            return await post.fill(begin, self._heard)
        except OSError as error:
            _log.error("worker %d cannot be started: %s", post.number, error.strerror or error)
            return _CANNOT_START

    def _heard(self, post: Post, report: Report) -> None:
        self._news.set()
        match report:
            case Serving():
                before, self._serving = self._serving, report
                if self._is_up and post.is_new and before and before.digest != report.digest:
                    _log.warning("worker %d read another configuration; all do now", post.number)
                    _ = spawn(self._reload(), name="reload")
            case Want():
                self._have_children(report)
            case Ask():
                _ = spawn(self._answer(post), name="metrics")
            case _:
                pass  # the post has taken note

    def _have_children(self, want: Want) -> None:
        if self._children is None:
            self._children = Children(want.children, self._environ)
            self._children.start()

    async def _answer(self, post: Post) -> None:
        post.tell(Totals(await self._counts.all()))

    async def _reload(self) -> None:
        """Have all workers take up the configuration, or none: one that cannot keeps all back."""
        async with self._reloading:
            self._supervisor.reloading()
            posts = [post for post in self._posts if post.serving is not None]
            match await agree(posts):
                case Outcome.TAKEN_UP:
                    self._is_in_force()
                case Outcome.REFUSED:
                    _log.error("reload refused; all workers go on with what they have")
                case Outcome.SPLIT:
                    _log.error("a worker did not take the configuration up; its log says why")
            self._supervisor.ready(self._line())

    def _is_in_force(self) -> None:
        """Note what is at work since when: `reload` and `status` read it from the pid file."""
        if self._serving is not None:
            write_pid(pid_path(self._serving.state_dir))
        self._status = self._line()
        self._supervisor.ready(self._status)

    async def _look_after(self) -> None:
        """Show how they are, and end who has said nothing for too long (if systemd wants that)."""
        while True:
            await self._clock.sleep(_LOOK_EVERY_S)
            if (line := self._line()) != self._status:
                self._status = line
                self._supervisor.status(line)
            limit_s = self._supervisor.watchdog_s
            for post in self._posts:
                silence_s = self._clock.monotonic() - post.heard_at
                if limit_s is not None and post.pid is not None and silence_s > limit_s:
                    _log.error("worker %d hangs: it is ended", post.number)
                    post.kill()

    async def _keep_counts(self) -> None:
        while True:
            await self._clock.sleep(KEEP_EVERY_S)
            await self._counts.all()

    def _line(self) -> str:
        return line_of({post.number: post.status for post in self._posts})

    async def _shut_down(self) -> None:
        self._stop.set()
        self._supervisor.stopping("draining")
        for listener in self._sockets:
            listener.close()  # who comes now is refused, not left waiting for nobody
        for post in self._posts:
            post.stop()
        if self._keepers:
            drain_s = self._serving.drain_s if self._serving is not None else 0.0
            _, late = await asyncio.wait(self._keepers, timeout=drain_s + _GRACE_S)
            if late:
                for post in self._posts:
                    post.kill()
                await asyncio.wait(late)
        if self._children is not None:
            await self._children.stop()
        if self._serving is not None:
            pid_path(self._serving.state_dir).unlink(missing_ok=True)

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_stop)
        loop.add_signal_handler(signal.SIGHUP, self._on_reload)

    def _on_stop(self) -> None:
        if self._stop.is_set():  # a second signal
            for post in self._posts:
                post.tell(Hurry())
        self._stop.set()
        self._news.set()

    def _on_reload(self) -> None:
        if self._is_up and not self._stop.is_set():
            _ = spawn(self._reload(), name="reload")


def pause_s(lived_s: float, last_s: float) -> float:
    """Say how long to wait before a worker is replaced; `last_s` is the wait before."""
    if lived_s >= STEADY_S:
        return 0.0
    return min(max(2 * last_s, FIRST_WAIT_S), LONGEST_WAIT_S)


def ending(code: int) -> str:
    """Say how a process ended."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def line_of(statuses: Mapping[int, str]) -> str:
    """Say in one line how several workers are, those apart that are otherwise than the first."""
    alike = set(statuses.values())
    if len(alike) == 1:
        return f"{alike.pop()} ({len(statuses)} workers)"
    return "; ".join(f"worker {number} {status}" for number, status in statuses.items())


def _as_it_is(data: bytes) -> bytes:
    return data  # the parent knows no secret
