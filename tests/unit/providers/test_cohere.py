"""Where Cohere is asked."""

import pytest

from hx_gateway.core.provider import Place
from hx_gateway.providers.cohere import PROVIDER


@pytest.mark.parametrize(
    ("base", "path", "asked"),
    [
        ("", "/v1/rerank", "/v1/rerank"),
        ("/proxy", "/v1/rerank", "/proxy/v1/rerank"),
        ("/my/v2/rerank", "/v1/rerank", "/my/v2/rerank"),
        ("", "/compatibility/v1/embeddings", "/compatibility/v1/embeddings"),
    ],
)
def test_the_path(base: str, path: str, asked: str) -> None:
    assert PROVIDER.locate is not None
    assert PROVIDER.locate(Place(base=base, path=path, model="m")) == asked
