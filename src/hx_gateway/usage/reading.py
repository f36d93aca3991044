"""Numbers of the Prometheus library as plain values, and back: what processes tell each other."""

from collections.abc import Iterable, Sequence

from prometheus_client import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from hx_gateway.usage.total import Family, Sample


class _Made(Collector):
    """Families that were read elsewhere."""

    def __init__(self, families: Sequence[Family]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        for family in self._families:
            metric = Metric(family.name, family.help, family.kind)
            for sample in family.samples:
                metric.add_sample(sample.name, dict(sample.labels), sample.value)
            yield metric


def read(collector: Collector) -> list[Family]:
    """Take down all numbers as they are now."""
    return [
        Family(
            metric.name,
            metric.type,
            metric.documentation,
            [Sample(s.name, tuple(s.labels.items()), s.value) for s in metric.samples],
        )
        for metric in collector.collect()
    ]


def write(families: Sequence[Family]) -> bytes:
    """Write them in the Prometheus text format 0.0.4."""
    return generate_latest(_Made(families))
