"""The life of a gateway: load, open, assemble, serve; reload; drain and close."""

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import msgspec

from hx_gateway.app.build import Assembly, assemble
from hx_gateway.app.checks import build_checks
from hx_gateway.app.database import upgrade
from hx_gateway.app.discovery import Discovery
from hx_gateway.app.fellows import Fellows, problems_of_sharing
from hx_gateway.app.listen import Listen
from hx_gateway.app.open import open_parts, secrets_of
from hx_gateway.app.options import ServeOptions
from hx_gateway.app.parts import Parts
from hx_gateway.app.pidfile import pid_path, write_pid
from hx_gateway.app.schema import Verdict
from hx_gateway.app.tenure import PATIENCE_S, Tenure
from hx_gateway.app.welcome import welcome
from hx_gateway.config import load_snapshot
from hx_gateway.config.embedded import find_installed
from hx_gateway.core.clock import SystemClock
from hx_gateway.core.errors import ConfigError, DependencyError
from hx_gateway.core.snapshot import REDIS_TYPES, Snapshot
from hx_gateway.core.tasks import spawn
from hx_gateway.manage.checks import Checkup
from hx_gateway.transport.server import Edge
from hx_gateway.usage.total import Family

_log = logging.getLogger(__name__)
_STATUS_EVERY_S = 2.0
_SWEEP_EVERY_S = 600.0
_MIGRATION_LOCK_S = 60.0
_LAST_WRITE_S = 2.0


def _nothing(_text: str) -> None:
    pass


class Gateway:
    """Everything behind the edge. `start` it once; it swaps the edge's application as it goes."""

    def __init__(
        self,
        options: ServeOptions,
        listen: Listen,
        edge: Edge,
        phase: Callable[[str], None],
        fellows: Fellows | None = None,
    ) -> None:
        """`phase` is told what is being done until ready; `fellows`: other workers, if any."""
        self._options = options
        self._listen = listen
        self._edge = edge
        self._phase = phase
        self._fellows = fellows
        self._prepared: Snapshot | None = None
        self._parts: Parts | None = None
        self._now: Assembly | None = None
        self._background: tuple[asyncio.Task[None], ...] = ()
        self._hurried = asyncio.Event()
        self._draining = False
        self._discovery = Discovery(find_installed())
        self._reloading = asyncio.Lock()
        self.on_status: Callable[[str], None] = _nothing

    async def start(self) -> None:
        """Become ready; raises ConfigError. What is away connects in the background."""
        self._phase("reading the configuration")
        snapshot = await asyncio.to_thread(self._load, 1)
        _check_bind(snapshot, self._listen)
        _make_state_dir(snapshot.state_dir)
        self._phase("waiting for the state directory")
        is_worker = self._fellows is not None
        self._tenure = Tenure(snapshot.state_dir, SystemClock(), is_worker=is_worker)
        await self._tenure.begin(snapshot.server.drain_timeout + PATIENCE_S)
        self._phase("opening the store")
        self._parts = open_parts(snapshot, self._listen.environ, self._fellows)
        if self._options.migrate:
            self._background = (spawn(self._migrate(snapshot), name="migrate"),)
        self._phase("assembling")
        self._swap(snapshot)
        self._background += (
            spawn(self._report_status(), name="status"),
            spawn(self._sweep(), name="sweep"),
            spawn(self._discovery.run(self._parts, self._snapshot, self.reload), name="discovery"),
            spawn(self._parts.keyring.watch(), name="revocations"),
            spawn(self._parts.last_use.watch(), name="last use"),
            spawn(self._parts.watchdog.run(), name="watchdog"),
            spawn(self._parts.spending.run(), name="budgets"),
        )
        if self._parts.hearsay is not None:
            self._background += (spawn(self._parts.hearsay.run(), name="hearsay"),)
        self._note_serving(snapshot)
        self._announce(snapshot)

    async def reload(self) -> bool:
        """Compile the configuration anew and swap it whole; a bad one changes nothing."""
        async with self._reloading:
            snapshot = await self._compile()
            return snapshot is not None and self._take_up(snapshot)

    async def prepare(self) -> bool:
        """Compile the configuration anew, and say whether it may be put to work: see `commit`."""
        async with self._reloading:
            self._prepared = await self._compile()
            return self._prepared is not None

    async def commit(self) -> bool:
        """Put to work what was prepared; False when there is nothing, or TLS does not fit."""
        async with self._reloading:
            snapshot, self._prepared = self._prepared, None
            return snapshot is not None and self._take_up(snapshot)

    async def _compile(self) -> Snapshot | None:
        old = self._snapshot()
        try:
            snapshot = await asyncio.to_thread(self._load, old.generation + 1)
        except ConfigError as error:
            for problem in error.problems:
                _log.error("reload refused: %s", problem)
            return None
        try:
            self._edge.check_tls()
        except OSError as error:  # ssl.SSLError is one
            _log.error("reload refused: the TLS certificate or key: %s", error.strerror or error)
            return None
        for name in _needs_restart(old, snapshot):
            _log.warning("%s changed; it takes effect after a restart", name)
        return snapshot

    def _take_up(self, snapshot: Snapshot) -> bool:
        try:
            self._edge.renew_tls()
        except OSError as error:
            _log.error("reload refused: the TLS certificate or key: %s", error.strerror or error)
            return False
        self._swap(snapshot)
        self._note_serving(snapshot)
        _log.info("configuration reloaded, generation %d", snapshot.generation)
        return True

    async def stop(self) -> None:
        """Drain: refuse new work, let live streams end, then close everything."""
        self._draining = True
        self._tenure.ending()
        assert self._now is not None  # noqa: S101 - as above
        self._now.checkup.drain()
        limit_s = self._now.snapshot.server.drain_timeout
        draining = spawn(self._edge.drain(limit_s), name="drain")
        hurry = spawn(self._hurried.wait(), name="hurry")
        await asyncio.wait((draining, hurry), return_when=asyncio.FIRST_COMPLETED)
        if not draining.done():
            await self._edge.drain(0.0)
        hurry.cancel()
        for task in self._background:
            task.cancel()
        if self._parts is not None:
            await _within(_LAST_WRITE_S, self._parts.last_use.write())
            await self._parts.aclose()
        self._remove_pid()
        self._tenure.end()

    def hurry(self) -> None:
        """Stop waiting for live streams."""
        self._hurried.set()

    def status(self) -> str:
        """Say in one line how we are: serving, or degraded and by what."""
        if self._draining:
            return "draining"
        if self._now is None:
            return "starting"
        missing = self._now.checkup.missing()
        return f"degraded: {', '.join(missing)}" if missing else "serving"

    def _snapshot(self) -> Snapshot:
        assert self._now is not None  # noqa: S101 - asked after start
        return self._now.snapshot

    async def numbers(self) -> list[Family]:
        """Take down what this process counted; nothing before the start."""
        return await self._parts.metrics.read() if self._parts is not None else []

    def _load(self, generation: int) -> Snapshot:
        options = self._options
        snapshot = load_snapshot(
            options.config,
            options.env_file,
            dev=options.dev,
            strict=options.strict,
            generation=generation,
            found=self._discovery.found,
        )
        if self._fellows is not None and (problems := problems_of_sharing(snapshot)):
            raise ConfigError(problems)
        server = msgspec.structs.replace(
            snapshot.server,
            host=self._listen.host,
            port=self._listen.port,
            tls_cert=self._listen.server.tls_cert,
            tls_key=self._listen.server.tls_key,
        )
        log = snapshot.log
        if options.debug:
            log = msgspec.structs.replace(log, level="DEBUG")
        return msgspec.structs.replace(snapshot, server=server, log=log)

    def _swap(self, snapshot: Snapshot) -> None:
        """Put a snapshot to work; requests under way keep the application they began with."""
        assert self._parts is not None  # noqa: S101 - opened in start
        parts = self._parts
        parts.health.configure(
            cooldown_s=snapshot.routing.cooldown_s, enabled=snapshot.routing.cooldowns
        )
        parts.watchdog.stalls.patience_s = snapshot.routing.hang_patience_s
        for warning in snapshot.warnings:
            _log.warning("%s", warning)
        parts.keyring.keep_for(fresh_s=snapshot.auth.key_cache_s, stale_s=snapshot.auth.max_stale_s)
        parts.states.deployments = snapshot.deployments
        if parts.hearsay is not None:
            parts.hearsay.refusals.deployments = snapshot.deployments
        parts.redactor.know(secrets_of(snapshot))
        parts.spending.purses.watch(snapshot.budgets)
        parts.fleet.configure(snapshot.nodes, snapshot.fleet)
        parts.node_watch.on_wake = partial(_woke, snapshot, parts)
        parts.node_watch.watch(snapshot.nodes, snapshot.fleet.poll_s)
        checkup = Checkup(build_checks(snapshot, parts), parts.clock)
        self._now = assemble(snapshot, parts, checkup)
        self._edge.settings = snapshot.server
        self._edge.application = self._now.application
        self._edge.on_refusal = self._now.observer.refused

    async def _migrate(self, snapshot: Snapshot) -> None:
        """Bring the schema up to date (`--migrate`), as soon as the database can be reached."""
        assert self._parts is not None  # noqa: S101 - opened in start
        clock = self._parts.clock
        while True:
            outcome = await upgrade(snapshot, clock, lock_timeout_s=_MIGRATION_LOCK_S)
            if outcome.verdict is not Verdict.UNREACHABLE:
                break
            await clock.sleep(_STATUS_EVERY_S)
        level = logging.INFO if outcome.verdict is Verdict.CURRENT else logging.ERROR
        _log.log(level, "schema %s %s %s", outcome.verdict, outcome.version, outcome.reason)

    async def _sweep(self) -> None:
        """Remove kept answers whose time is over; a store that is away has time until the next."""
        assert self._parts is not None  # noqa: S101 - opened in start
        while not self._draining:
            await self._parts.clock.sleep(_SWEEP_EVERY_S)
            assert self._now is not None  # noqa: S101 - as above
            with contextlib.suppress(DependencyError):
                await self._now.shelf.sweep()

    async def _report_status(self) -> None:
        last = ""
        while not self._draining:
            assert self._now is not None and self._parts is not None  # noqa: S101, PT018 - started
            await self._now.checkup.findings()
            if (status := self.status()) != last:
                last = status
                self.on_status(status)
                _log.info("status: %s", status)
            await self._parts.clock.sleep(_STATUS_EVERY_S)

    def _note_serving(self, snapshot: Snapshot) -> None:
        """Say what is in force since when: `reload` and `status` read it from the pid file."""
        if self._fellows is not None:
            self._fellows.serving(snapshot)  # and the parent has the file
            return
        self._pid_path = pid_path(snapshot.state_dir)
        write_pid(self._pid_path)

    def _remove_pid(self) -> None:
        if self._fellows is None:
            self._pid_path.unlink(missing_ok=True)

    def _announce(self, snapshot: Snapshot) -> None:
        """Tell a person at a terminal how to begin; a service manager gets only the log."""
        if "NOTIFY_SOCKET" in self._listen.environ or "INVOCATION_ID" in self._listen.environ:
            return
        if self._fellows is not None and not self._fellows.is_first:
            return
        # Nobody may be there any more, or no room: no reason not to serve.
        with contextlib.suppress(OSError):
            os.write(sys.stdout.fileno(), welcome(snapshot, self._listen.port).encode())


async def _within(limit_s: float, work: Awaitable[None]) -> None:
    """Do what is worth a moment, not more."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(work, limit_s)


def _woke(snapshot: Snapshot, parts: Parts, name: str) -> None:
    """Let a node be tried again that had failed while it was away."""
    for deployment in snapshot.deployments.values():
        if deployment.node == name:
            parts.health.woke(deployment, parts.clock.monotonic())


def _check_bind(snapshot: Snapshot, listen: Listen) -> None:
    """Refuse a public address without a master key of the operator's own."""
    is_local = listen.host in {"127.0.0.1", "::1", "localhost"} or listen.is_inherited
    if not is_local and snapshot.auth.master_key_generated:
        problem = (
            f"HOST {listen.host} can be reached by others, and no master key is configured; "
            "set LITELLM_MASTER_KEY (32 characters or more), or listen on 127.0.0.1"
        )
        raise ConfigError((problem,))


def _make_state_dir(path: Path) -> None:
    """Make the state directory, for its owner only."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = path / f".writable.{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        problem = f"the state directory {path} cannot be written: {error.strerror}"
        raise ConfigError((problem,)) from error


def _needs_restart(old: Snapshot, new: Snapshot) -> list[str]:
    names = ("store", "redis", "local", "state_dir", "log")
    changed = [name for name in names if getattr(old, name) != getattr(new, name)]
    return [*changed, *(["cache"] if _cache_store(old) != _cache_store(new) else [])]


def _cache_store(snapshot: Snapshot) -> tuple[object, ...]:
    """Give what the store of the answer cache was opened with; the rest can change at work."""
    cache = snapshot.cache
    where: tuple[object, ...] = (
        cache.type,
        cache.namespace,
        cache.folder,
        cache.max_bytes,
        cache.timeout,
    )
    if cache.type in REDIS_TYPES:
        where += (cache.collection,)
    return (cache.is_on, where if cache.is_on else None)
