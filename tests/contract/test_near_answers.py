"""What every store of answers that are found by meaning keeps to: vectors, Valkey with RediSearch."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from itertools import count

import pytest
from redis.asyncio import Redis
from tests.support.rag import MemoryVectors
from tests.support.valkey import ValkeyServer
from tests.support.vectors import likeness

from hx_gateway.cache.near_vectors import VectorAnswers
from hx_gateway.core.answers import NearAnswers, answer_label
from hx_gateway.core.clock import SystemClock
from hx_gateway.core.secret import Secret
from hx_gateway.core.snapshot import RedisSettings
from hx_gateway.store.answers_near_redis import RedisNearAnswers, kind_of
from hx_gateway.store.answers_redis import RedisAnswers

A, B = "ab" * 32, "cd" * 32
BUCKET, OTHER = "12" * 32, "34" * 32
EAST, NORTH = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)
NEARLY_EAST = (0.96, 0.28, 0.0)
_numbers = count()


def on(
    server: ValkeyServer, namespace: str, model: str = "m", timeout_s: float = 2.0
) -> RedisNearAnswers:
    kept = RedisAnswers(
        RedisSettings(url=Secret(server.url()), timeout=timeout_s),
        namespace,
        kind=kind_of("answers"),
    )
    return RedisNearAnswers(kept, model, SystemClock())


@pytest.fixture(params=["vectors", "redis"])
async def answers(request: pytest.FixtureRequest) -> AsyncIterator[NearAnswers]:
    made: NearAnswers
    if request.param == "vectors":
        made = VectorAnswers(MemoryVectors(), "answers", "m", SystemClock())
    else:
        made = on(request.getfixturevalue("searching_valkey"), f"near{next(_numbers)}")
    async with aclosing(made):
        yield made


async def put(
    answers: NearAnswers,
    name: str,
    vector: tuple[float, ...],
    value: bytes = b"x",
    tenant: str = "t",
    bucket: str = BUCKET,
    ttl_s: float = 60,
) -> None:
    await answers.put(name, value, vector, tenant=tenant, bucket=bucket, ttl_s=ttl_s)


async def nearest(
    answers: NearAnswers,
    vector: tuple[float, ...],
    tenant: str = "t",
    bucket: str = BUCKET,
    least: float = 0.9,
) -> bytes | None:
    found = await answers.nearest(vector, tenant=tenant, bucket=bucket, least=least)
    return None if found is None else found.value


async def test_the_nearest_answer_is_found_byte_for_byte_if_it_is_near_enough(
    answers: NearAnswers,
) -> None:
    value = bytes(range(256)) * 10
    assert await answers.can_search()
    assert await nearest(answers, EAST) is None
    await put(answers, A, EAST, value)
    await put(answers, B, NORTH)
    found = await answers.nearest(NEARLY_EAST, tenant="t", bucket=BUCKET, least=0.9)
    assert found is not None
    assert found.value == value
    assert found.label == answer_label("t", A)
    assert found.similarity == pytest.approx(likeness([*EAST], [*NEARLY_EAST]), abs=1e-4)
    assert await nearest(answers, NEARLY_EAST, least=0.995) is None
    assert await nearest(answers, (1.0, 1.0, 1.0), least=0.5) is not None
    assert await nearest(answers, (0.0, 0.0, 1.0), least=0.5) is None


async def test_another_bucket_or_tenant_has_none_of_it(answers: NearAnswers) -> None:
    await put(answers, A, EAST)
    assert await nearest(answers, EAST) == b"x"
    assert await nearest(answers, EAST, bucket=OTHER) is None
    for tenant in ("u", "", "t" + BUCKET, "*", "t|u", "T"):
        assert await nearest(answers, EAST, tenant=tenant) is None


async def test_near_prompts_of_many_tenants_never_meet(answers: NearAnswers) -> None:
    chance = random.Random(7)
    for number in range(60):
        vector = (1.0, chance.random() / 20, 0.0)
        tenant = chance.choice("tu")
        await put(answers, f"{number:064x}", vector, tenant.encode(), tenant)
    for tenant in "tu":
        for _ in range(30):
            assert await nearest(answers, (1.0, chance.random() / 20, 0.0), tenant) == (
                tenant.encode()
            )


async def test_a_new_answer_takes_the_place_of_the_one_before(answers: NearAnswers) -> None:
    await put(answers, A, EAST, b"old")
    await put(answers, A, EAST, b"new")
    assert await nearest(answers, EAST) == b"new"


async def test_answers_end_with_their_time(answers: NearAnswers) -> None:
    await put(answers, A, EAST, ttl_s=0.2)
    await put(answers, B, NORTH)
    await asyncio.sleep(0.4)
    assert await nearest(answers, EAST) is None
    assert await nearest(answers, NORTH) == b"x"


async def test_answers_are_removed_by_their_labels_and_all_at_once(answers: NearAnswers) -> None:
    await put(answers, A, EAST)
    await put(answers, B, NORTH)
    assert await answers.delete([answer_label("t", A), answer_label("u", B), "*"]) == 1
    assert await nearest(answers, EAST) is None
    assert await nearest(answers, NORTH) == b"x"
    await answers.flush()
    assert await nearest(answers, NORTH) is None
    await put(answers, B, NORTH)  # and it goes on after that
    assert await nearest(answers, NORTH) == b"x"


async def test_many_answers_are_removed_within_the_deadline_of_a_command(
    searching_valkey: ValkeyServer,
) -> None:
    """Hundreds at once were too many for one command: the index is changed for each of them."""
    async with aclosing(on(searching_valkey, "many", timeout_s=1.0)) as answers:
        names = [f"{number:064x}" for number in range(600)]
        vector = tuple(float(number % 7) for number in range(384))
        for name in names:
            await put(answers, name, vector)
        assert await answers.delete([answer_label("t", name) for name in names[:100]]) == 100
        await answers.flush()
        assert await answers.get(names[-1], tenant="t") is None
        await put(answers, A, vector)
        assert await nearest(answers, vector) == b"x"


async def test_in_redis_an_equal_question_is_found_by_its_name(
    searching_valkey: ValkeyServer,
) -> None:
    async with aclosing(on(searching_valkey, "named")) as answers:
        await put(answers, A, EAST, b"\xff\x00")
        assert await answers.get(A, tenant="t") == b"\xff\x00"
        assert await answers.get(A, tenant="u") is None
        assert await answers.lease(A, tenant="t", holder="me", ttl_s=5)
        assert not await answers.lease(A, tenant="t", holder="you", ttl_s=5)
        await answers.release(A, tenant="t", holder="me")
        assert await answers.lease(A, tenant="t", holder="you", ttl_s=5)


async def test_vectors_of_other_models_and_lengths_are_not_compared(
    searching_valkey: ValkeyServer,
) -> None:
    async with (
        aclosing(on(searching_valkey, "mixed", "m")) as one,
        aclosing(on(searching_valkey, "mixed", "n")) as other,
    ):
        await put(one, A, EAST)
        assert await nearest(other, EAST) is None
        assert await nearest(one, (1.0, 0.0)) is None
        await put(one, B, (1.0, 0.0), b"short")
        assert await nearest(one, (1.0, 0.0)) == b"short"
        assert await nearest(one, EAST) == b"x"


async def test_two_gateways_share_an_index_and_make_it_again_when_it_is_gone(
    searching_valkey: ValkeyServer,
) -> None:
    async with (
        aclosing(on(searching_valkey, "shared")) as one,
        aclosing(on(searching_valkey, "shared")) as other,
    ):
        await put(one, A, EAST)
        assert await nearest(other, EAST) == b"x"
        async with Redis.from_url(searching_valkey.url()) as redis:
            for index in await redis.execute_command("FT._LIST"):  # type: ignore[no-untyped-call]
                await redis.execute_command("FT.DROPINDEX", index)  # type: ignore[no-untyped-call]
        assert await nearest(other, EAST) is None  # finds out that the index is gone
        await until(lambda: nearest(other, EAST), b"x")  # an old answer is indexed beside us
        await put(one, B, NORTH, b"again")
        assert await nearest(one, NORTH) == b"again"


async def until(look: Callable[[], Awaitable[bytes | None]], wanted: bytes) -> None:
    for _ in range(200):
        if await look() == wanted:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not come")


async def test_without_a_search_module_equal_questions_are_found_all_the_same(
    valkey: ValkeyServer, caplog: pytest.LogCaptureFixture
) -> None:
    """The cache was switched off where Redis could not search."""
    async with aclosing(on(valkey, "plain")) as answers:
        assert not await answers.can_search()
        await put(answers, A, EAST)
        assert await answers.get(A, tenant="t") == b"x"
        for _ in range(10):  # refusals are answers: they do not count as an outage
            assert await nearest(answers, EAST) is None
        await answers.ping()
        assert sum("no search module" in line for line in caplog.messages) == 1
        assert await answers.delete([answer_label("t", A)]) == 1
