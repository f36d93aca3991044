"""The parts that live as long as the process: opened once, kept over reloads, closed at the end."""

import random
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import msgspec

from hx_gateway.app.children import Children
from hx_gateway.app.nodes import NodeWatch
from hx_gateway.app.states import DeploymentStates
from hx_gateway.auth.keyring import Keyring
from hx_gateway.auth.last_use import LastUse
from hx_gateway.core.answers import Answers
from hx_gateway.core.clock import Clock
from hx_gateway.core.ports import Counters, ReceiptSink, Store, Vectors
from hx_gateway.pipeline.drain import Drainer
from hx_gateway.pipeline.hearsay import Hearsay
from hx_gateway.pipeline.spending import Spending
from hx_gateway.pipeline.watchdog import Watchdog
from hx_gateway.routing.fleet import Fleet
from hx_gateway.routing.health import Health
from hx_gateway.routing.meter import Meter
from hx_gateway.routing.pins import Pins
from hx_gateway.transport.client import Client
from hx_gateway.usage.line_writer import LineWriter
from hx_gateway.usage.log import AccessLog
from hx_gateway.usage.metrics import Metrics
from hx_gateway.usage.node_metrics import NodeMetrics
from hx_gateway.usage.rag_metrics import RagMetrics
from hx_gateway.usage.redact import Redactor

if TYPE_CHECKING:
    from hx_gateway.store.answers_redis import RedisAnswers


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """What all snapshots share. Everything is open, or connecting in the background.

    `render` writes the metrics: of this process, or of all that serve the port together.
    """

    clock: Clock
    random: random.Random
    client: Client
    store: Store
    store_role: str
    keyring: Keyring
    last_use: LastUse
    counters: Counters
    answers: Answers | None
    near: "RedisAnswers | None"
    vectors: Vectors | None
    children: Children
    drainer: Drainer
    health: Health
    fleet: Fleet
    node_watch: NodeWatch
    meter: Meter
    spending: Spending
    pins: Pins
    watchdog: Watchdog
    hearsay: Hearsay | None
    states: DeploymentStates
    metrics: Metrics
    rag_metrics: RagMetrics
    node_metrics: NodeMetrics
    render: Callable[[], Awaitable[bytes]]
    lines: LineWriter
    redactor: Redactor
    access_log: AccessLog | None
    sinks: tuple[ReceiptSink, ...]

    async def aclose(self) -> None:
        """Close what is open, the log last."""
        await self.drainer.aclose()
        self.node_watch.stop()
        await self.children.stop()
        if self.vectors is not None:
            await self.vectors.aclose()
        await self.client.aclose()
        if self.hearsay is not None:
            await self.hearsay.aclose()
        await self.counters.aclose()
        for kept in (self.answers, self.near):
            if kept is not None:
                await kept.aclose()
        await self.store.aclose()
        if self.access_log is not None:
            self.access_log.flush()
        self.lines.close()
