"""What the vector stores do when their process dies, hangs, refuses or babbles."""

import asyncio
import os
import signal
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.support.children import command, running, short_folder, until
from tests.support.qdrant import QdrantDouble, qdrant_double

from hx_gateway.app.children import Children, State
from hx_gateway.core.errors import DependencyError
from hx_gateway.core.http import Origin
from hx_gateway.core.ports import Collection, Filter, Point
from hx_gateway.core.secret import Secret
from hx_gateway.local.edge import EdgeVectors
from hx_gateway.rag.qdrant import QdrantVectors
from hx_gateway.transport.client import Client

DOCUMENTS = Collection(name="documents", model="m", dimension=3)


@pytest.fixture
def folder() -> Iterator[Path]:
    with short_folder() as folder:
        yield folder


@pytest.fixture
async def engine(folder: Path) -> AsyncIterator[Children]:
    data = str(folder / "data")
    async with running(command("vectors", folder, "--folder", data)) as children:
        yield children


@pytest.fixture
async def edge(engine: Children, folder: Path) -> AsyncIterator[EdgeVectors]:
    edge = EdgeVectors(folder / "vectors.sock", 10.0)
    yield edge
    await edge.aclose()


def signalled(engine: Children, number: signal.Signals) -> None:
    (status,) = engine.statuses()
    assert status.pid is not None
    os.kill(status.pid, number)


def points(count: int) -> list[Point]:
    return [
        Point(id=str(uuid.uuid4()), vector=(1.0, float(n), 0.0), payload={"tenant": "a"})
        for n in range(count)
    ]


async def test_a_kill_loses_nothing_that_was_acknowledged(
    engine: Children, edge: EdgeVectors
) -> None:
    await edge.create(DOCUMENTS)
    written = 0
    for round_ in range(3):
        for _ in range(20):
            await edge.upsert("documents", points(5))
            written += 5
        signalled(engine, signal.SIGKILL)
        await until(engine, "vectors", State.READY, starts=round_ + 2)
        assert await edge.count("documents", tenant="a", where=Filter()) == written
        assert await edge.collection("documents") == DOCUMENTS


async def test_a_killed_engine_is_unavailable_and_heals_by_itself(
    engine: Children, edge: EdgeVectors
) -> None:
    await edge.ping()
    signalled(engine, signal.SIGKILL)
    await until(engine, "vectors", State.FAILED)
    with pytest.raises(DependencyError) as caught:
        await edge.ping()
    assert (caught.value.http_status, caught.value.error_type) == (503, "vector_store_unavailable")
    await until(engine, "vectors", State.READY, starts=2)
    await edge.ping()


async def test_a_hung_engine_is_given_up_in_time_and_heals(engine: Children, folder: Path) -> None:
    edge = EdgeVectors(folder / "vectors.sock", 0.3)
    try:
        await well(edge)
        signalled(engine, signal.SIGSTOP)
        try:
            answers = await asyncio.gather(*(edge.ping() for _ in range(3)), return_exceptions=True)
            assert [isinstance(answer, DependencyError) for answer in answers] == [True] * 3
        finally:
            signalled(engine, signal.SIGCONT)
        await well(edge)
    finally:
        await edge.aclose()


async def well(edge: EdgeVectors) -> None:
    """Ask until it answers."""
    async with asyncio.timeout(30):
        while True:
            try:
                await edge.ping()
                break
            except DependencyError:
                await asyncio.sleep(0.05)


async def test_many_questions_at_once_get_their_own_answers(edge: EdgeVectors) -> None:
    await edge.create(DOCUMENTS)
    await edge.upsert("documents", points(7))
    counts = [edge.count("documents", tenant=name, where=Filter()) for name in "abab"]
    found = [edge.collection(name) for name in ("documents", "absent")]
    assert await asyncio.gather(*counts) == [7, 0, 7, 0]
    assert await asyncio.gather(*found) == [DOCUMENTS, None]


async def test_an_engine_that_was_never_there_is_unavailable(folder: Path) -> None:
    with pytest.raises(DependencyError):
        await EdgeVectors(folder / "nobody.sock").ping()


@pytest.fixture
def double() -> Iterator[QdrantDouble]:
    with qdrant_double("secret") as double:
        yield double


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    client = Client()
    yield client
    await client.aclose()


def store(client: Client, port: int, key: str = "secret", timeout_s: float = 30.0) -> QdrantVectors:
    origin = Origin(host="127.0.0.1", port=port)
    return QdrantVectors(client, origin, api_key=Secret(key), timeout_s=timeout_s)


@pytest.mark.parametrize(
    ("mode", "status", "expected"),
    [
        ("status", 500, 503),
        ("status", 503, 503),
        ("status", 403, 502),
        ("status", 422, 502),
        ("garbage", 200, 502),
        ("hang", 200, 504),
    ],
)
async def test_a_fault_of_qdrant_has_its_own_status(
    client: Client, double: QdrantDouble, mode: str, status: int, expected: int
) -> None:
    double.mode, double.fault_status = mode, status
    timeout_s = 0.5 if mode == "hang" else 30.0
    with pytest.raises(DependencyError) as caught:
        await store(client, double.port, timeout_s=timeout_s).collection("documents")
    error = caught.value
    assert (error.http_status, error.error_type) == (expected, "vector_store_unavailable")
    assert "Qdrant" in error.message
    assert "switched" not in error.message  # its own words stay with us
    assert str(double.port) not in error.message


async def test_an_absent_qdrant_is_unavailable(client: Client) -> None:
    with pytest.raises(DependencyError) as caught:
        await store(client, 1).ping()
    assert caught.value.http_status == 503


async def test_a_wrong_api_key_is_seen_by_a_ping(client: Client, double: QdrantDouble) -> None:
    await store(client, double.port).ping()
    with pytest.raises(DependencyError) as caught:
        await store(client, double.port, "wrong").ping()
    assert "API key" in caught.value.message


async def test_payload_fields_that_are_filtered_are_indexed(
    client: Client, double: QdrantDouble
) -> None:
    await store(client, double.port).create(DOCUMENTS)
    assert double.indexes["documents"] == {
        "tenant": {"type": "keyword", "is_tenant": True},
        "namespace": {"type": "keyword"},
        "expires_at": {"type": "float"},
    }


async def test_a_collection_nobody_pinned_has_no_model(
    client: Client, double: QdrantDouble
) -> None:
    vectors = store(client, double.port)
    await vectors.create(DOCUMENTS)
    double.forget_metadata("documents")
    assert await vectors.collection("documents") == Collection(
        name="documents", model="", dimension=3
    )
