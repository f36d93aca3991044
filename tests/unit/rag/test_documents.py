"""What clients send."""

from hx_gateway.rag.documents import Document
from hx_gateway.rag.entry import entry

NOW = 1_000_000.0


def test_what_is_optional_may_be_null() -> None:
    """Clients that were generated from a description send null for what nobody set."""
    plain, nulls = Document(text="x"), Document(text="x", metadata=None, namespace=None)
    assert entry(0, plain, NOW).point("t", [1.0]) == entry(0, nulls, NOW).point("t", [1.0])
    assert nulls.space == "default"
