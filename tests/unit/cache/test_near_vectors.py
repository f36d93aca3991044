"""Answers on the vector engine: what belongs to the engine. The rest is the suite of the port."""

import pytest
from tests.support.clock import FakeClock
from tests.support.rag import MemoryVectors

from hx_gateway.cache.near_vectors import VectorAnswers
from hx_gateway.core.answers import answer_label
from hx_gateway.core.errors import Conflict
from hx_gateway.core.ports import Collection

EAST = (1.0, 0.0)


class Rig:
    """Answers, and the engine they are on."""

    def __init__(self, vectors: MemoryVectors | None = None) -> None:
        self.vectors = vectors or MemoryVectors()
        self.clock = FakeClock()
        self.answers = VectorAnswers(self.vectors, "answers", "m", self.clock)

    async def put(self, name: str) -> None:
        await self.answers.put(name, b"x", EAST, tenant="t", bucket="b", ttl_s=60)

    async def found(self) -> bool:
        near = await self.answers.nearest(EAST, tenant="t", bucket="b", least=0.9)
        return near is not None


async def test_answers_end_with_their_time_and_are_swept_out() -> None:
    rig = Rig()
    await rig.put("first")
    rig.clock.advance(61)
    assert not await rig.found()
    for number in range(100):
        await rig.put(f"{number}")
    kept = {point.payload["id"] for point in rig.vectors.points["answers"].values()}
    assert len(kept) == 100
    assert answer_label("t", "first") not in kept


async def test_a_collection_of_another_model_is_said_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Taken(MemoryVectors):
        async def create(self, collection: Collection) -> None:
            raise Conflict("taken")

    await Rig(Taken()).put("a")
    assert "another embedding model" in caplog.text


async def test_a_collection_that_was_removed_is_made_again() -> None:
    rig = Rig()
    await rig.put("a")
    rig.vectors.points.clear()
    await rig.put("a")  # finds out
    await rig.put("a")
    assert await rig.found()


async def test_processes_do_not_wait_for_one_another() -> None:
    answers = Rig().answers
    assert await answers.lease("n", tenant="t", holder="one", ttl_s=5)
    assert await answers.lease("n", tenant="t", holder="other", ttl_s=5)
    assert not answers.is_shared
