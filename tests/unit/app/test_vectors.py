"""Where vectors are kept."""

from pathlib import Path

from tests.support.sender import ScriptedSender

from hx_gateway.app.vectors import open_vectors
from hx_gateway.core.secret import Secret
from hx_gateway.core.snapshot import RagSettings, Snapshot
from hx_gateway.local.edge import EdgeVectors
from hx_gateway.rag.qdrant import QdrantVectors


def opened(**settings: object) -> object:
    rag = RagSettings(**settings)  # type: ignore[arg-type]
    return open_vectors(Snapshot(state_dir=Path("/x"), routes={}, rag=rag), ScriptedSender())


def test_a_configured_server_comes_before_the_engine_beside_us() -> None:
    assert isinstance(opened(), EdgeVectors)
    assert isinstance(opened(qdrant_url=Secret("http://qdrant.test:6333")), QdrantVectors)


def test_there_is_no_store_when_document_search_is_off() -> None:
    assert opened(enabled=False) is None
