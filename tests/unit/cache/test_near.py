"""The semantic shelf: near enough, in the same bucket, of the same tenant, and not too old."""

import asyncio
import random
from collections.abc import Sequence

import msgspec
import pytest
from tests.support.clock import FakeClock
from tests.support.rag import HashEmbedder, MemoryVectors

from hx_gateway.cache.entry import Entry, sealed
from hx_gateway.cache.key import Alike
from hx_gateway.cache.near import NearShelf
from hx_gateway.cache.near_vectors import VectorAnswers
from hx_gateway.cache.question import Question
from hx_gateway.core.answers import answer_label
from hx_gateway.core.call import Call, Operation
from hx_gateway.core.errors import DependencyError, Overloaded
from hx_gateway.core.ports import Filter
from hx_gateway.core.snapshot import CacheSettings

CALL = Call(id="c", operation=Operation.CHAT, dialect="d", model="m", fields={})
SETTINGS = CacheSettings(
    enabled=True, type="qdrant-semantic", similarity_threshold=0.8, embedding_timeout=0.05
)
TALL = "How tall is the Eiffel tower in Paris today?"
TALL_TOO = "How tall is the Eiffel tower in Paris today"


class Rig:
    """A shelf with everything a test looks at."""

    def __init__(self, embedder: HashEmbedder | None = None) -> None:
        self.vectors = MemoryVectors()
        self.embedder = embedder or HashEmbedder()
        self.clock = FakeClock()
        self.shelf = self.on(self.vectors)

    def on(self, vectors: MemoryVectors) -> NearShelf:
        answers = VectorAnswers(vectors, "answers", "hash", self.clock)
        return NearShelf(answers, self.embedder, SETTINGS)


def question(text: str = TALL, tenant: str = "t", bucket: str = "b") -> Question:
    name = f"{tenant}-{bucket}-{text}".encode().hex()
    alike = Alike(bucket=bucket, text=text)
    return Question(call=CALL, tenant=tenant, name=name, ttl_s=60, alike=alike)


def entry(tenant: str = "t", body: bytes = b"{}") -> Entry:
    return Entry(tenant=tenant, dialect="d", body=body, created_at=1.0)


async def test_a_question_that_is_near_enough_gets_the_answer() -> None:
    rig = Rig()
    assert await rig.shelf.find(question()) is None
    await rig.shelf.keep(question(), entry(), 60)
    found = await rig.shelf.find(question(TALL_TOO))
    assert found is not None
    assert found.entry == entry()
    assert found.similarity is not None
    assert 0.8 <= found.similarity <= 1.0001
    assert found.label == answer_label("t", question().name)


@pytest.mark.parametrize(
    "other",
    [
        question("What is the weather like?"),
        question(bucket="other"),
        question(tenant="u"),
        msgspec.structs.replace(question(), alike=None),
    ],
)
async def test_others_do_not(other: Question) -> None:
    rig = Rig()
    await rig.shelf.keep(question(), entry(), 60)
    assert await rig.shelf.find(other) is None


async def test_two_tenants_with_near_equal_prompts_never_meet() -> None:
    rig, chance = Rig(), random.Random(5)
    words = ["how", "tall", "is", "the", "tower", "in", "paris", "today", "please", "exactly"]
    prompts = [" ".join(chance.sample(words, 8)) for _ in range(60)]
    for number, prompt in enumerate(prompts):
        tenant = "ab"[number % 2]
        await rig.shelf.keep(question(prompt, tenant), entry(tenant, tenant.encode()), 60)
    own = 0
    for prompt in prompts:
        for tenant in "ab":
            found = await rig.shelf.find(question(prompt, tenant))
            assert found is None or found.entry.body == tenant.encode()
            own += found is not None
    assert own > 60  # near-equal prompts do hit, within a tenant


async def test_without_the_tenant_in_the_engines_filter_they_would_be_found_and_still_refused() -> (
    None
):
    """The negative control: an engine that forgets the tenant finds the foreign point."""

    class Mixing(MemoryVectors):
        async def search(
            self,
            name: str,
            vector: Sequence[float],
            *,
            tenant: str,
            where: Filter,
            limit: int,
            score_threshold: float | None = None,
        ) -> list:  # type: ignore[type-arg]
            return await super().search(
                name, vector, tenant="t", where=where, limit=limit, score_threshold=score_threshold
            )

    rig = Rig()
    mixing = Mixing()
    shelf = rig.on(mixing)
    await shelf.keep(question(), entry(), 60)
    assert await mixing.search("answers", (0.0,) * 32, tenant="u", where=Filter(), limit=1)
    assert await shelf.find(question(tenant="u")) is None  # the entry says whose it is


async def test_one_embedding_serves_the_look_and_the_keeping() -> None:
    rig = Rig()
    await rig.shelf.find(question())
    await rig.shelf.keep(question(), entry(), 60)
    assert len(rig.embedder.asked) == 1


@pytest.mark.parametrize("fault", [DependencyError("vector store"), Overloaded("busy")])
async def test_what_fails_is_a_miss(fault: DependencyError | Overloaded) -> None:
    rig = Rig()
    rig.embedder.fault = fault
    assert await rig.shelf.find(question()) is None
    await rig.shelf.keep(question(), entry(), 60)
    assert rig.vectors.points == {}


async def test_a_slow_model_is_a_miss_in_time() -> None:
    class Slow(HashEmbedder):
        async def embed(self, texts: Sequence[str]) -> list[tuple[float, ...]]:
            await asyncio.sleep(3600)
            return await super().embed(texts)

    async with asyncio.timeout(60):
        assert await Rig(Slow()).shelf.find(question()) is None


async def test_a_damaged_point_is_a_miss() -> None:
    rig = Rig()
    await rig.shelf.keep(question(), entry(), 60)
    (point,) = rig.vectors.points["answers"].values()
    for payload in ({"answer": "%%%"}, {"answer": "AAAA"}, {"answer": None}):
        damaged = msgspec.structs.replace(point, payload={**point.payload, **payload})
        rig.vectors.points["answers"][point.id] = damaged
        assert await rig.shelf.find(question()) is None


async def test_a_question_that_is_waited_for_is_embedded_once() -> None:
    rig = Rig()
    for _ in range(5):
        assert await rig.shelf.find(question()) is None
    assert len(rig.embedder.asked) == 1


class Named(VectorAnswers):
    """Knows answers by name too, as Redis does, and lends to one process at a time."""

    is_shared = True

    def __init__(self, rig: Rig) -> None:
        super().__init__(rig.vectors, "answers", "hash", rig.clock)
        self.named: dict[tuple[str, str], bytes] = {}
        self.holder: str | None = None
        self.fault: DependencyError | None = None

    async def get(self, name: str, *, tenant: str) -> bytes | None:
        if self.fault is not None:
            raise self.fault
        return self.named.get((tenant, name))

    async def lease(self, name: str, *, tenant: str, holder: str, ttl_s: float) -> bool:
        self.holder = self.holder or holder
        return self.holder == holder

    async def release(self, name: str, *, tenant: str, holder: str) -> None:
        if self.fault is not None:
            raise self.fault
        self.holder = None


async def test_an_equal_question_needs_no_vector_where_answers_have_names() -> None:
    rig = Rig()
    answers = Named(rig)
    shelf = NearShelf(answers, rig.embedder, SETTINGS)
    answers.named["t", question().name] = sealed(entry())
    found = await shelf.find(question())
    assert found is not None
    assert (found.entry, found.similarity) == (entry(), 1.0)
    assert found.label == answer_label("t", question().name)
    assert rig.embedder.asked == []
    assert await shelf.find(question(tenant="u")) is None


async def test_processes_that_ask_the_same_wait_for_one_another() -> None:
    rig = Rig()
    answers = Named(rig)
    one, other = (NearShelf(answers, rig.embedder, SETTINGS) for _ in range(2))
    assert one.is_shared
    assert await one.claim(question())
    assert await one.claim(question())
    assert not await other.claim(question())
    await one.release(question())
    assert await other.claim(question())


async def test_a_store_that_is_away_is_said_once() -> None:
    """`find` raises, so that nobody asks for a lease as well; the others never raise."""
    rig = Rig()
    answers = Named(rig)
    shelf = NearShelf(answers, rig.embedder, SETTINGS)
    answers.fault = DependencyError("Redis")
    with pytest.raises(DependencyError):
        await shelf.find(question())
    await shelf.release(question())
