"""The series of nodes."""

from prometheus_client import CollectorRegistry

from hx_gateway.usage.node_metrics import NodeMetrics, NodeNumbers


def test_each_node_has_its_series() -> None:
    registry = CollectorRegistry()
    numbers = [
        NodeNumbers(name="gpu1", up=True, resident=2, in_flight=3, queued=4),
        NodeNumbers(name="gpu2", up=False, resident=0, in_flight=0, queued=0),
    ]
    metrics = NodeMetrics(registry, lambda: numbers)
    metrics.waited("gpu1", 0.3)
    for name, node, value in (
        ("hx_node_up", "gpu1", 1),
        ("hx_node_up", "gpu2", 0),
        ("hx_node_models_resident", "gpu1", 2),
        ("hx_node_in_flight", "gpu1", 3),
        ("hx_node_queued", "gpu1", 4),
        ("hx_node_wait_seconds_count", "gpu1", 1),
    ):
        assert registry.get_sample_value(name, {"node": node}) == value, name
