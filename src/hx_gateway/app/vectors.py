"""Open the vector engine that the configuration names: a Qdrant server, or the embedded one."""

from urllib.parse import urlsplit

from hx_gateway.config.paths import socket_path
from hx_gateway.core.http import Origin, Sender
from hx_gateway.core.ports import Vectors
from hx_gateway.core.snapshot import RagSettings, Snapshot
from hx_gateway.local.edge import EdgeVectors
from hx_gateway.rag.qdrant import QdrantVectors

_DEFAULT_PORT = 6333
NOT_INSTALLED = (
    "The embedded vector store is not installed: pip install 'hx-gateway[local]', "
    "or set QDRANT_URL to a server."
)


def open_vectors(snapshot: Snapshot, sender: Sender) -> Vectors | None:
    """Open it without waiting for it; None when nobody needs it."""
    rag = snapshot.rag
    if not rag.enabled and not snapshot.cache.is_on_vectors:
        return None
    if rag.qdrant_url is not None:
        return _server(rag, rag.qdrant_url.reveal(), sender)
    away = None if snapshot.local.vectors else NOT_INSTALLED
    return EdgeVectors(socket_path(snapshot.state_dir, "vectors"), rag.timeout, away=away)


def _server(rag: RagSettings, url: str, sender: Sender) -> QdrantVectors:
    parts = urlsplit(url)
    origin = Origin(
        scheme=parts.scheme,
        host=parts.hostname or "localhost",
        port=parts.port or (443 if parts.scheme == "https" else _DEFAULT_PORT),
    )
    return QdrantVectors(
        sender,
        origin,
        base_path=parts.path.rstrip("/"),
        api_key=rag.qdrant_api_key,
        timeout_s=rag.timeout,
    )
