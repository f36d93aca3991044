"""What goes to a Qdrant server, and what its answers mean. The contract suite talks to one."""

import msgspec
import pytest
from tests.support.sender import Answer, ScriptedSender

from hx_gateway.core.errors import Conflict, DependencyError, Garbled, TimedOut, Unreachable
from hx_gateway.core.http import Origin
from hx_gateway.core.ports import Collection, Filter, Point
from hx_gateway.core.secret import Secret
from hx_gateway.rag.qdrant import QdrantVectors


def answering(
    *answers: Answer | Exception, key: str | None = None
) -> tuple[QdrantVectors, ScriptedSender]:
    sender = ScriptedSender(qdrant=answers)  # type: ignore[arg-type]
    vectors = QdrantVectors(
        sender,
        Origin(host="qdrant"),
        base_path="/proxied",
        api_key=Secret(key) if key else None,
        timeout_s=1.5,
    )
    return vectors, sender


def ok(result: object) -> Answer:
    return Answer(200, msgspec.json.encode({"result": result, "status": "ok"}))


async def test_the_key_goes_into_qdrants_own_header_and_nowhere_else() -> None:
    vectors, sender = answering(ok({}), key="s3cret")
    await vectors.ping()
    ((_, request),) = sender.sent
    assert (b"api-key", b"s3cret") in request.headers
    assert "s3cret" not in request.path
    assert request.path == "/proxied/collections"


async def test_without_a_key_there_is_no_header() -> None:
    vectors, sender = answering(ok({}))
    await vectors.ping()
    assert [name for name, _ in sender.sent[0][1].headers] == [b"content-type"]


async def test_a_write_waits_until_it_is_applied() -> None:
    vectors, sender = answering(ok({"operation_id": 1}))
    await vectors.upsert("a/b", [Point(id="i", vector=(1.0,), payload={"t": 1})])
    ((_, request),) = sender.sent
    assert request.path == "/proxied/collections/a%2Fb/points?wait=true"
    assert msgspec.json.decode(request.body) == {
        "points": [{"id": "i", "vector": [1.0], "payload": {"t": 1}}]
    }


async def test_every_request_has_the_deadline() -> None:
    vectors, sender = answering(ok({}))
    await vectors.ping()
    assert sender.deadlines[0].total == 1.5


async def test_a_delete_reports_what_was_there_before_and_is_gone_after() -> None:
    vectors, _ = answering(ok({"count": 5}), ok({}), ok({"count": 2}))
    assert await vectors.delete("c", tenant="t", where=Filter()) == 3


async def test_nothing_is_deleted_where_nothing_matches() -> None:
    vectors, sender = answering(ok({"count": 0}))
    assert await vectors.delete("c", tenant="t", where=Filter()) == 0
    assert len(sender.sent) == 1


async def test_a_collection_with_named_vectors_is_refused() -> None:
    info = {"config": {"params": {"vectors": {"dense": {"size": 3, "distance": "Cosine"}}}}}
    vectors, _ = answering(ok(info))
    with pytest.raises(Conflict):
        await vectors.collection("c")


async def test_metadata_of_others_does_not_disturb() -> None:
    config = {
        "params": {"vectors": {"size": 3, "distance": "Cosine"}},
        "metadata": {"theirs": 1, "hx_gateway": {"model": "m", "later": True}},
    }
    vectors, _ = answering(ok({"config": config}))
    assert await vectors.collection("c") == Collection(name="c", model="m", dimension=3)


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (Unreachable("x"), 503),
        (TimedOut("x"), 504),
        (Garbled("x"), 502),
        (Answer(200, b"<html>"), 502),
        (Answer(200, b"[]"), 502),
        (Answer(200, b'{"result":{"count":"many"}}'), 502),
        (Answer(401, b"no"), 502),
        (Answer(403, b"no"), 502),
        (Answer(400, b'{"status":{"error":"secret detail"}}'), 502),
        (Answer(429, b""), 503),
        (Answer(500, b""), 503),
    ],
)
async def test_a_fault_is_qdrants_and_tells_nothing_of_it(
    answer: Answer | Exception, status: int
) -> None:
    vectors, _ = answering(answer)
    with pytest.raises(DependencyError) as caught:
        await vectors.count("c", tenant="t", where=Filter())
    assert caught.value.http_status == status
    assert caught.value.error_code == "vector_store_unavailable"
    assert "Qdrant" in caught.value.message
    assert "secret" not in caught.value.message
