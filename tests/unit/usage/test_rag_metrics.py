"""The series of document search, by the names of the system this one takes over from."""

from prometheus_client import CollectorRegistry

from hx_gateway.usage.rag_metrics import RagMetrics


def test_each_event_moves_its_series() -> None:
    registry = CollectorRegistry()
    metrics = RagMetrics(registry)
    for _ in range(3):
        metrics.searched("ok", "query")
    metrics.searched("error", "vector")
    metrics.upserted("ok")
    metrics.deleted("ok", "namespace")
    metrics.embedded(0.02)
    metrics.vectors_used("search", 0.01)
    for name, labels, value in (
        ("rag_search_total", {"result": "ok", "path": "query"}, 3),
        ("rag_search_total", {"result": "error", "path": "vector"}, 1),
        ("rag_upserts_total", {"result": "ok"}, 1),
        ("rag_deletes_total", {"result": "ok", "mode": "namespace"}, 1),
        ("rag_embedding_seconds_count", {}, 1),
        ("rag_qdrant_seconds_count", {"op": "search"}, 1),
    ):
        assert registry.get_sample_value(name, labels) == value, name
