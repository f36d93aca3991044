"""The vector store's contract: the embedded engine and a Qdrant server behave alike.

The server is a wire double with Qdrant's own models, and a real one when TEST_QDRANT_URL is set.
"""

import os
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.support.children import short_folder, started
from tests.support.qdrant import QdrantDouble, qdrant_double

from hx_gateway.config.origin import parse_base_url
from hx_gateway.core.errors import Conflict, GatewayError
from hx_gateway.core.http import Origin
from hx_gateway.core.ports import Collection, Filter, Match, Point, Vectors
from hx_gateway.core.secret import Secret
from hx_gateway.local.edge import EdgeVectors
from hx_gateway.rag.qdrant import QdrantVectors
from hx_gateway.transport.client import Client

NAME = "documents"
EAST, NORTH, WEST = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (-1.0, 0.0, 0.0)
KINDS = ["edge", "wire double", *(["server"] if "TEST_QDRANT_URL" in os.environ else [])]


@pytest.fixture(scope="module")
def engine() -> Iterator[Path]:
    with (
        short_folder() as folder,
        started("vectors", folder, "--folder", str(folder / "data")) as socket,
    ):
        yield socket


@pytest.fixture(scope="module")
def double() -> Iterator[QdrantDouble]:
    with qdrant_double("secret") as double:
        yield double


@pytest.fixture(params=KINDS)
async def vectors(request: pytest.FixtureRequest) -> AsyncIterator[Vectors]:
    client = Client()
    vectors: Vectors
    match request.param:
        case "edge":
            vectors = EdgeVectors(request.getfixturevalue("engine"), 20.0)
        case "wire double":
            port = request.getfixturevalue("double").port
            origin = Origin(host="127.0.0.1", port=port)
            vectors = QdrantVectors(client, origin, api_key=Secret("secret"), timeout_s=20.0)
        case _:
            origin, path = parse_base_url(os.environ["TEST_QDRANT_URL"])
            key = Secret(os.environ.get("TEST_QDRANT_API_KEY", ""))
            vectors = QdrantVectors(client, origin, base_path=path, api_key=key or None)
    yield vectors
    await vectors.aclose()
    await client.aclose()


@pytest.fixture
async def name(vectors: Vectors) -> str:
    name = f"test-{uuid.uuid4().hex}"
    await vectors.create(Collection(name=name, model="m", dimension=3))
    return name


def point(
    id_: int, vector: tuple[float, ...], *, tenant: str = "a", namespace: str = "n", **more: object
) -> Point:
    payload = {"tenant": tenant, "namespace": namespace, "n": id_, **more}
    return Point(id=str(uuid.UUID(int=id_)), vector=vector, payload=payload)


async def found(
    vectors: Vectors, name: str, where: Filter | None = None, tenant: str = "a"
) -> list[object]:
    hits = await vectors.search(name, EAST, tenant=tenant, where=where or Filter(), limit=10)
    return [hit.payload["n"] for hit in hits]


async def test_a_collection_says_what_it_was_made_for(vectors: Vectors, name: str) -> None:
    assert await vectors.collection(name) == Collection(name=name, model="m", dimension=3)
    assert await vectors.collection("absent") is None


async def test_making_the_same_collection_twice_changes_nothing(
    vectors: Vectors, name: str
) -> None:
    await vectors.upsert(name, [point(1, EAST)])
    await vectors.create(Collection(name=name, model="m", dimension=3))
    assert await found(vectors, name) == [1]


@pytest.mark.parametrize(("model", "dimension"), [("other", 3), ("m", 4)])
async def test_a_collection_does_not_change_its_model_or_dimension(
    vectors: Vectors, name: str, model: str, dimension: int
) -> None:
    with pytest.raises(Conflict):
        await vectors.create(Collection(name=name, model=model, dimension=dimension))


async def test_hits_come_best_first_with_score_and_payload(vectors: Vectors, name: str) -> None:
    payload: dict[str, object] = {
        "text": "ä",
        "metadata": {"flag": True, "none": None, "list": [1, 2.5, {"x": "y"}]},
    }
    second = Point(
        id=str(uuid.UUID(int=2)), vector=(1.0, 0.1, 0.0), payload={"tenant": "a", **payload}
    )
    await vectors.upsert(name, [point(1, WEST), second])
    hits = await vectors.search(name, EAST, tenant="a", where=Filter(), limit=10)
    assert [round(hit.score, 2) for hit in hits] == [1.0, -1.0]
    assert hits[0].payload == {"tenant": "a", **payload}
    assert hits[0].id == str(uuid.UUID(int=2))


async def test_limit_and_threshold_cut_the_hits(vectors: Vectors, name: str) -> None:
    await vectors.upsert(name, [point(1, EAST), point(2, NORTH), point(3, WEST)])
    one = await vectors.search(name, EAST, tenant="a", where=Filter(), limit=1)
    near = await vectors.search(
        name, EAST, tenant="a", where=Filter(), limit=10, score_threshold=0.5
    )
    assert len(one) == len(near) == 1


async def test_writing_a_point_again_replaces_it(vectors: Vectors, name: str) -> None:
    await vectors.upsert(name, [point(1, EAST, text="old")])
    await vectors.upsert(name, [point(1, NORTH, text="new")])
    (hit,) = await vectors.search(name, NORTH, tenant="a", where=Filter(), limit=10)
    assert (hit.payload["text"], round(hit.score, 3)) == ("new", 1.0)


async def test_no_call_sees_or_removes_what_is_another_tenants(vectors: Vectors, name: str) -> None:
    await vectors.upsert(name, [point(1, EAST, tenant="a"), point(2, EAST, tenant="b")])
    assert await found(vectors, name, tenant="a") == [1]
    assert await found(vectors, name, tenant="b") == [2]  # the control: it is there to be seen
    assert await vectors.count(name, tenant="c", where=Filter()) == 0
    assert await vectors.delete(name, tenant="a", where=Filter()) == 1
    assert await found(vectors, name, tenant="b") == [2]


async def test_a_should_of_the_caller_does_not_widen_the_tenant(
    vectors: Vectors, name: str
) -> None:
    await vectors.upsert(name, [point(1, EAST, tenant="a"), point(2, EAST, tenant="b")])
    either = Filter(should=(Match(key="tenant", values=("b",)), Match(key="n", values=(1,))))
    assert await found(vectors, name, either, tenant="a") == [1]


CASES: dict[str, tuple[Match | Filter, list[int]]] = {
    "text": (Match(key="namespace", values=("n", "m")), [1, 2, 4]),
    "number": (Match(key="n", values=(2, 3)), [2, 3]),
    "mixed": (Match(key="metadata.k", values=("x", 7)), [1, 2]),
    "true": (Match(key="metadata.flag", values=(True,)), [1]),
    "false": (Match(key="metadata.flag", values=(False,)), [2]),
    "one is not true": (Match(key="metadata.flag", values=(1,)), []),
    "nothing": (Match(key="n"), []),
    "at most": (Match(key="expires_at", at_most=10.0), [1, 2]),
    "at least": (Match(key="expires_at", at_least=10.0), [2, 3]),
    "between": (Match(key="expires_at", at_least=9.0, at_most=11.0), [2]),
    "not": (Filter(must_not=(Match(key="expires_at", at_most=10.0),)), [3, 4]),
    "nested": (
        Filter(
            must=(
                Filter(should=(Match(key="n", values=(1,)), Match(key="n", values=(4,)))),
                Match(key="namespace", values=("m",)),
            )
        ),
        [4],
    ),
    "empty": (Filter(), [1, 2, 3, 4]),
}


@pytest.mark.parametrize("case", CASES)
async def test_a_filter_matches(vectors: Vectors, name: str, case: str) -> None:
    condition, wanted = CASES[case]
    await vectors.upsert(
        name,
        [
            point(1, EAST, expires_at=5.0, metadata={"flag": True, "k": "x"}),
            point(2, EAST, expires_at=10.0, metadata={"flag": False, "k": 7}),
            point(3, EAST, namespace="o", expires_at=15.0),
            point(4, EAST, namespace="m"),
        ],
    )
    where = condition if isinstance(condition, Filter) else Filter(must=(condition,))
    hits = await vectors.search(name, EAST, tenant="a", where=where, limit=10)
    assert sorted(int(str(hit.payload["n"])) for hit in hits) == wanted
    assert await vectors.count(name, tenant="a", where=where) == len(wanted)
    assert await vectors.delete(name, tenant="a", where=where) == len(wanted)
    assert await vectors.delete(name, tenant="a", where=where) == 0
    assert await vectors.count(name, tenant="a", where=Filter()) == 4 - len(wanted)


async def test_what_is_not_there_is_empty_to_readers_and_an_error_to_writers(
    vectors: Vectors,
) -> None:
    assert await found(vectors, "absent") == []
    assert await vectors.count("absent", tenant="a", where=Filter()) == 0
    assert await vectors.delete("absent", tenant="a", where=Filter()) == 0
    with pytest.raises(GatewayError):
        await vectors.upsert("absent", [point(1, EAST)])


async def test_a_vector_of_the_wrong_length_is_an_error(vectors: Vectors, name: str) -> None:
    with pytest.raises(GatewayError):
        await vectors.upsert(name, [point(1, (1.0, 2.0))])


async def test_names_of_any_kind_are_kept_apart(vectors: Vectors) -> None:
    for text in ("a.b", "..", "Ä b"):
        collection = Collection(name=f"{uuid.uuid4().hex}{text}", model=text, dimension=3)
        await vectors.create(collection)
        assert await vectors.collection(collection.name) == collection


async def test_it_answers_a_ping(vectors: Vectors) -> None:
    await vectors.ping()


async def test_an_operator_removes_what_matches_of_all_tenants(vectors: Vectors, name: str) -> None:
    await vectors.upsert(
        name,
        [
            point(1, EAST, kind="answer"),
            point(2, EAST, kind="answer", tenant="b"),
            point(3, EAST, kind="other"),
        ],
    )
    answers = Filter(must=(Match(key="kind", values=("answer",)),))
    assert await vectors.purge(name, where=answers) == 2
    assert await vectors.purge(name, where=answers) == 0
    assert await vectors.purge("absent", where=answers) == 0
    assert await found(vectors, name) == [3]
    assert await found(vectors, name, tenant="b") == []
