import pytest
from tests.support.clock import FakeClock
from tests.support.rag import MemoryVectors

from hx_gateway.cache.near_vectors import VectorAnswers
from hx_gateway.core.answers import answer_label
from hx_gateway.core.errors import DependencyError
from hx_gateway.core.ports import Collection, Point
from hx_gateway.core.snapshot import CacheSettings
from hx_gateway.manage.answers import AnswerKeeper
from hx_gateway.store.answers_process import ProcessAnswers

ON = CacheSettings(enabled=True, type="local")


class Forgetful(ProcessAnswers):
    """Keeps nothing."""

    async def put(self, name: str, value: bytes, *, tenant: str, ttl_s: float) -> None:
        pass


async def test_a_ping_keeps_an_answer_and_gets_it_back() -> None:
    await AnswerKeeper(ON, ProcessAnswers(FakeClock(), 1 << 20)).ping()
    with pytest.raises(DependencyError):
        await AnswerKeeper(ON, Forgetful(FakeClock(), 1 << 20)).ping()


async def test_answers_are_removed_by_their_labels_and_all_at_once() -> None:
    answers = ProcessAnswers(FakeClock(), 1 << 20)
    keeper = AnswerKeeper(ON, answers)
    for name in ("a", "b", "c"):
        await answers.put(name, b"x", tenant="t", ttl_s=60)
    assert await keeper.delete([answer_label("t", "a"), answer_label("u", "b"), "none"]) == 1
    assert await answers.get("b", tenant="t") == b"x"
    await keeper.flush()
    assert await answers.get("b", tenant="t") is None


async def test_a_cache_that_is_off_says_so() -> None:
    keeper = AnswerKeeper(CacheSettings(), None)
    with pytest.raises(DependencyError) as caught:
        await keeper.ping()
    assert (caught.value.http_status, caught.value.error_type) == (503, "cache_ping_error")
    with pytest.raises(DependencyError):
        await keeper.flush()


async def test_a_semantic_cache_is_pinged_and_emptied_where_it_is() -> None:
    vectors = MemoryVectors()
    settings = CacheSettings(enabled=True, type="qdrant-semantic")
    keeper = AnswerKeeper(settings, None, VectorAnswers(vectors, "answers", "m", FakeClock()))
    await keeper.ping()
    await vectors.create(Collection(name="answers", model="m", dimension=1))
    first = answer_label("1", "a")
    rows = [("1", "answer", first), ("2", "answer", "b"), ("3", "document", first)]
    for id_, kind, name in rows:
        payload: dict[str, object] = {"tenant": id_, "kind": kind, "id": name}
        await vectors.upsert("answers", [Point(id=id_, vector=(1.0,), payload=payload)])
    assert await keeper.delete([first]) == 1
    assert set(vectors.points["answers"]) == {"2", "3"}
    await keeper.flush()
    assert set(vectors.points["answers"]) == {"3"}
    vectors.fault = DependencyError("vector store")
    with pytest.raises(DependencyError):
        await keeper.ping()
