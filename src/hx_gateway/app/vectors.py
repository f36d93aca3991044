"""Choose where vectors are kept: on a Qdrant server if one is set, else in the engine beside us."""

from hx_gateway.app.children import VECTORS
from hx_gateway.config.origin import parse_base_url
from hx_gateway.config.paths import socket_path
from hx_gateway.core.http import Sender
from hx_gateway.core.ports import Vectors
from hx_gateway.core.snapshot import Snapshot
from hx_gateway.local.edge import EdgeVectors
from hx_gateway.rag.qdrant import QdrantVectors


def open_vectors(snapshot: Snapshot, client: Sender) -> Vectors | None:
    """Open the vector store of a snapshot, None when document search is off. Waits for nothing."""
    rag = snapshot.rag
    if not rag.enabled:
        return None
    if rag.qdrant_url is None:
        return EdgeVectors(socket_path(snapshot.state_dir, VECTORS), rag.timeout)
    origin, base_path = parse_base_url(rag.qdrant_url.reveal())
    return QdrantVectors(
        client,
        origin,
        base_path=base_path,
        api_key=rag.qdrant_api_key,
        timeout_s=rag.timeout,
    )
