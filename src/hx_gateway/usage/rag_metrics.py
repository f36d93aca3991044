"""Series of document search; their names are those of the system this one takes over from."""

from prometheus_client import CollectorRegistry, Counter, Histogram


class RagMetrics:
    """Counters and durations of document search, in the registry of `Metrics`.

    `result` is ok or error; `path` is how a search was asked (query, vector); `mode` how documents
    were named (ids, namespace, filter, document); `op` is upsert, search, delete or count.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register the families; once per registry."""
        self._searches = Counter(
            "rag_search_total", "Searches.", ("result", "path"), registry=registry
        )
        self._upserts = Counter("rag_upserts_total", "Upserts.", ("result",), registry=registry)
        self._deletes = Counter(
            "rag_deletes_total", "Deletions.", ("result", "mode"), registry=registry
        )
        self._embedding = Histogram(
            "rag_embedding_seconds", "Seconds to embed one request's texts.", registry=registry
        )
        self._qdrant = Histogram(
            "rag_qdrant_seconds", "Seconds of one vector operation.", ("op",), registry=registry
        )

    def searched(self, result: str, path: str) -> None:
        """Count a search."""
        self._searches.labels(result, path).inc()

    def upserted(self, result: str) -> None:
        """Count an upsert request."""
        self._upserts.labels(result).inc()

    def deleted(self, result: str, mode: str) -> None:
        """Count a deletion request."""
        self._deletes.labels(result, mode).inc()

    def embedded(self, seconds: float) -> None:
        """Note how long embedding took."""
        self._embedding.observe(seconds)

    def vectors_used(self, op: str, seconds: float) -> None:
        """Note how long the vector engine took."""
        self._qdrant.labels(op).observe(seconds)
