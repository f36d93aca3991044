"""Open the long-lived parts. Nothing is waited for: what is away connects in the background."""

import asyncio
import logging
import re
import secrets
import socket
import sys
from collections.abc import Callable, Mapping
from functools import partial

from hx_gateway import __version__
from hx_gateway.app.answers import open_answers, open_near
from hx_gateway.app.children import Children, wanted_children
from hx_gateway.app.database import open_board, open_counters, open_store, store_role
from hx_gateway.app.fellows import Fellows
from hx_gateway.app.nodes import NodeWatch, node_numbers
from hx_gateway.app.parts import Parts
from hx_gateway.app.states import DeploymentStates
from hx_gateway.app.vectors import open_vectors
from hx_gateway.auth.keyring import Keyring
from hx_gateway.auth.last_use import LastUse
from hx_gateway.core.clock import Clock, SystemClock, system_random
from hx_gateway.core.ports import Store
from hx_gateway.core.route import Deployment
from hx_gateway.core.secret import Secret
from hx_gateway.core.snapshot import Snapshot
from hx_gateway.pipeline.drain import Drainer
from hx_gateway.pipeline.hearsay import Hearsay
from hx_gateway.pipeline.spending import Spending
from hx_gateway.pipeline.watchdog import Watchdog
from hx_gateway.routing.fleet import Fleet
from hx_gateway.routing.health import Health
from hx_gateway.routing.hearsay import Refusals, Sharing
from hx_gateway.routing.meter import Meter
from hx_gateway.routing.pins import Pins
from hx_gateway.routing.purse import Purses
from hx_gateway.transport.client import Client, proxies_from
from hx_gateway.usage import log
from hx_gateway.usage.line_writer import LineWriter
from hx_gateway.usage.metrics import Metrics
from hx_gateway.usage.node_metrics import NodeMetrics
from hx_gateway.usage.rag_metrics import RagMetrics
from hx_gateway.usage.reading import write
from hx_gateway.usage.redact import Redactor

# Headers of a deployment by the name of which the value is a secret; others are versions and such.
_SECRET_HEADER = re.compile(rb"auth|key|token|secret|cookie|password")
_LOG_S = 0.05  # how long the line of a call may wait to be made with others
_log = logging.getLogger(__name__)


def open_parts(
    snapshot: Snapshot, environ: Mapping[str, str], fellows: Fellows | None = None
) -> Parts:
    """Open everything that one snapshot names; needs a running event loop."""
    clock = SystemClock()
    redactor = Redactor([*secrets_of(snapshot), *_proxy_urls(environ)])
    lines = LineWriter(sys.stdout.fileno(), redactor.clean, is_shared=fellows is not None)
    log.install(lines, snapshot.log.level)
    access_log = log.AccessLog(lines, _later) if snapshot.log.access else None
    health = Health()
    states = DeploymentStates(health, clock)
    drainer = Drainer()
    purses = Purses(clock.now() - clock.monotonic())
    metrics = _metrics(states, drainer, lines, purses, clock)
    health.on_open = partial(_opened, metrics)
    client = Client(proxies=proxies_from(environ))
    chance, fleet = system_random(), Fleet()
    children = _children(snapshot, environ, fellows)
    counters = open_counters(snapshot, clock)
    shared = counters if snapshot.redis.url is not None else None
    store = open_store(snapshot, clock)
    last_use = LastUse(store, clock)
    return Parts(
        clock=clock,
        random=chance,
        client=client,
        store=store,
        store_role=store_role(snapshot),
        keyring=_keyring(snapshot, store, clock, last_use),
        last_use=last_use,
        counters=counters,
        answers=open_answers(snapshot, clock),
        near=open_near(snapshot, clock),
        vectors=open_vectors(snapshot, client),
        children=children,
        drainer=drainer,
        health=health,
        fleet=fleet,
        node_watch=NodeWatch(fleet, client, clock, chance),
        meter=Meter(clock.now() - clock.monotonic()),
        spending=Spending(purses, clock, shared),
        pins=Pins(),
        watchdog=_watchdog(health, clock, fleet),
        hearsay=_hearsay(snapshot, health, fleet, clock),
        states=states,
        metrics=metrics,
        rag_metrics=RagMetrics(metrics.registry),
        node_metrics=NodeMetrics(metrics.registry, lambda: node_numbers(fleet)),
        render=metrics.render if fellows is None else partial(_render_all, fellows),
        lines=lines,
        redactor=redactor,
        access_log=access_log,
        sinks=(metrics,) if access_log is None else (metrics, access_log),
    )


def _later(call: Callable[[], None]) -> None:
    asyncio.get_running_loop().call_later(_LOG_S, call)


def _keyring(snapshot: Snapshot, store: Store, clock: Clock, last_use: LastUse) -> Keyring:
    return Keyring(
        store,
        clock,
        role=store_role(snapshot),
        fresh_s=snapshot.auth.key_cache_s,
        stale_s=snapshot.auth.max_stale_s,
        noted=last_use.note,
    )


def _metrics(
    states: DeploymentStates, drainer: Drainer, lines: LineWriter, purses: Purses, clock: Clock
) -> Metrics:
    return Metrics(
        __version__,
        states=states.read,
        in_flight=states.in_flight,
        draining=lambda: drainer.live,
        drained=lambda: drainer.counts,
        log_lines_lost=lambda: lines.lost,
        budgets_left=lambda: purses.left_of_providers(clock.monotonic()),
    )


def _children(snapshot: Snapshot, environ: Mapping[str, str], fellows: Fellows | None) -> Children:
    """Start the child processes, or have them started: all workers use the same ones."""
    wanted = wanted_children(snapshot)
    if fellows is not None:
        fellows.want(wanted)
        return Children((), environ)
    children = Children(wanted, environ)
    children.start()
    return children


async def _render_all(fellows: Fellows) -> bytes:
    return write(await fellows.totals())


def _hearsay(snapshot: Snapshot, health: Health, fleet: Fleet, clock: Clock) -> Hearsay | None:
    board = open_board(snapshot, clock)
    if board is None:
        return None
    machine = socket.gethostname()
    refusals = Refusals(health, machine)
    sharing = Sharing(fleet, secrets.token_hex(8), machine)
    hearsay = Hearsay(board, refusals, sharing, clock)
    health.on_refused, health.on_lost = hearsay.refused, hearsay.lost
    return hearsay


def _watchdog(health: Health, clock: Clock, fleet: Fleet) -> Watchdog:
    watchdog = Watchdog(health, clock)
    watchdog.stalls.is_away = fleet.is_asleep
    return watchdog


def _opened(metrics: Metrics, deployment: Deployment, seconds: float) -> None:
    metrics.cooled_down(deployment.id, deployment.provider.name, deployment.model)
    _log.warning(
        "deployment %s (%s) cools down for %.0f s",
        deployment.id,
        deployment.provider.name,
        seconds,
    )


def secrets_of(snapshot: Snapshot) -> list[Secret]:
    """List every secret the configuration holds, for the log's last net."""
    found = [
        snapshot.auth.master_key,
        *snapshot.auth.admin_keys,
        snapshot.store.url,
        snapshot.redis.url,
        snapshot.redis.sentinel_password,
        snapshot.rag.qdrant_url,
        snapshot.rag.qdrant_api_key,
        *(deployment.credential for deployment in snapshot.deployments.values()),
        *(
            Secret(value.decode("latin-1"))
            for deployment in snapshot.deployments.values()
            for name, value in deployment.headers
            if _SECRET_HEADER.search(name)
        ),
    ]
    return [secret for secret in found if secret is not None]


def _proxy_urls(environ: Mapping[str, str]) -> list[Secret]:
    """List the addresses of proxies: a password may be in them."""
    return [Secret(value) for name, value in environ.items() if name.lower().endswith("_proxy")]
