"""The parts that live as long as the process: opened once, kept over reloads, closed at the end."""

import random

from hx_gateway.app.children import Children
from hx_gateway.core.clock import Clock
from hx_gateway.core.ports import Counters, ReceiptSink, Store, Vectors
from hx_gateway.routing.health import Health
from hx_gateway.transport.client import Client
from hx_gateway.usage.metrics import Metrics


class Parts:
    """What all snapshots share."""

    def __init__(
        self,
        *,
        clock: Clock,
        random: random.Random,
        client: Client,
        store: Store,
        store_role: str,
        counters: Counters,
        vectors: Vectors | None,
        children: Children,
        health: Health,
        metrics: Metrics,
        sinks: tuple[ReceiptSink, ...],
    ) -> None:
        """Everything is open (or connecting in the background) already."""
        self.clock = clock
        self.random = random
        self.client = client
        self.store = store
        self.store_role = store_role
        self.counters = counters
        self.vectors = vectors
        self.children = children
        self.health = health
        self.metrics = metrics
        self.sinks = sinks

    async def aclose(self) -> None:
        """Close what is open; each at its own time limit."""
        await self.children.stop()
        if self.vectors is not None:
            await self.vectors.aclose()
        await self.client.aclose()
        await self.counters.aclose()
        await self.store.aclose()
