"""Series of the model servers of one's own, read from the fleet's book when somebody asks."""

from collections.abc import Callable, Iterable

import msgspec
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

_WAIT_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)


class NodeNumbers(msgspec.Struct, frozen=True, kw_only=True):
    """How one node is, in numbers."""

    name: str
    up: bool
    resident: int
    in_flight: int
    queued: int


class NodeMetrics(Collector):
    """Gauges of nodes, in the registry of `Metrics`; a label is a node's name, never an address."""

    def __init__(
        self, registry: CollectorRegistry, read: Callable[[], Iterable[NodeNumbers]]
    ) -> None:
        """Register the families; once per registry."""
        self._read = read
        self._waited = Histogram(
            "hx_node_wait_seconds",
            "Seconds that calls waited for a place at a node.",
            ("node",),
            buckets=_WAIT_BUCKETS,
            registry=registry,
        )
        registry.register(self)

    def waited(self, node: str, seconds: float) -> None:
        """Note how long a call waited until it had a place."""
        self._waited.labels(node).observe(seconds)

    def describe(self) -> Iterable[Metric]:
        """Name nothing in advance: `collect` would run at registration otherwise."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Make the gauges."""
        up = GaugeMetricFamily("hx_node_up", "1 when a node answers.", labels=["node"])
        resident = GaugeMetricFamily(
            "hx_node_models_resident", "Models in a node's memory.", labels=["node"]
        )
        in_flight = GaugeMetricFamily(
            "hx_node_in_flight", "Calls of this gateway at a node.", labels=["node"]
        )
        queued = GaugeMetricFamily(
            "hx_node_queued", "Calls that would take a place at a node.", labels=["node"]
        )
        for numbers in self._read():
            up.add_metric([numbers.name], int(numbers.up))
            resident.add_metric([numbers.name], numbers.resident)
            in_flight.add_metric([numbers.name], numbers.in_flight)
            queued.add_metric([numbers.name], numbers.queued)
        return (up, resident, in_flight, queued)
