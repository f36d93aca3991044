"""One model for one collection, and its failures by name."""

import pytest
from tests.support.clock import FakeClock
from tests.support.rag import HashEmbedder, NoteMeter

from hx_gateway.core.errors import (
    Conflict,
    DependencyError,
    GatewayError,
    NoDeployment,
    Rejected,
    TimedOut,
    UnknownModel,
    Unreachable,
)
from hx_gateway.core.ports import Collection
from hx_gateway.rag.embedding import Embedding


def made(embedder: HashEmbedder, dimension: int = 0) -> Embedding:
    return Embedding(embedder, dimension, FakeClock(), NoteMeter())


async def test_the_dimension_is_asked_once() -> None:
    embedder = HashEmbedder(dimension=7)
    embedding = made(embedder)
    assert [await embedding.dimension() for _ in range(3)] == [7, 7, 7]
    assert len(embedder.asked) == 1


async def test_a_configured_dimension_asks_nobody() -> None:
    embedder = HashEmbedder()
    assert await made(embedder, 1024).dimension() == 1024
    assert embedder.asked == []


async def test_without_a_model_any_dimension_goes() -> None:
    assert await made(HashEmbedder(model="")).dimension() == 0


async def test_texts_are_embedded_in_batches_in_their_order() -> None:
    embedder = HashEmbedder()
    vectors = await made(embedder).embed(["a", "b", "c"], None, batch_size=2)
    assert embedder.asked == [["a", "b"], ["c"]]
    assert vectors == await embedder.embed(["a", "b", "c"])


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (Unreachable("x"), 502),
        (NoDeployment("x"), 503),
        (TimedOut("x"), 504),
        (Rejected("x"), 502),
        (UnknownModel("x"), 502),
        (DependencyError("embedding model", "install it"), 503),
    ],
)
async def test_every_failure_is_the_embedding_models(fault: GatewayError, status: int) -> None:
    embedder = HashEmbedder()
    embedder.fault = fault
    with pytest.raises(DependencyError) as caught:
        await made(embedder).embed(["a"], None, batch_size=1)
    error = caught.value
    assert (error.error_type, error.http_status) == ("embedding_unavailable", status)
    assert error.message == ("install it" if isinstance(fault, DependencyError) else error.message)


async def test_vectors_of_two_models_are_never_mixed() -> None:
    collection = Collection(name="c", model="other", dimension=32)
    with pytest.raises(Conflict) as caught:
        await made(HashEmbedder()).embed(["a"], collection, batch_size=1)
    assert caught.value.error_code == "embedding_model_changed"


@pytest.mark.parametrize("model", ["hash", ""])
async def test_the_same_model_or_an_unpinned_collection_is_served(model: str) -> None:
    collection = Collection(name="c", model=model, dimension=32)
    assert len(await made(HashEmbedder()).embed(["a"], collection, batch_size=1)) == 1


async def test_a_model_that_changed_its_dimension_is_refused() -> None:
    collection = Collection(name="c", model="hash", dimension=16)
    with pytest.raises(Conflict) as caught:
        await made(HashEmbedder()).embed(["a"], collection, batch_size=1)
    assert "32" in caught.value.message
    assert "16" in caught.value.message
