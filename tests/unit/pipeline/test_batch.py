"""Lists of inputs to embed: only what is new is asked for, and nobody can tell from the answer."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from tests.support.clock import FakeClock
from tests.support.deployments import NoCredential, route
from tests.support.pipelines import CALLER, Rig, chat_deployment
from tests.support.sender import ScriptedExchange, ScriptedSender

from hx_gateway.core import wire
from hx_gateway.core.call import CacheWish, Call, Operation
from hx_gateway.core.errors import DependencyError, Garbled, GatewayError
from hx_gateway.core.http import Deadlines, HttpRequest, Origin, Response
from hx_gateway.core.provider import Provider
from hx_gateway.core.snapshot import CacheSettings
from hx_gateway.core.usage import Price
from hx_gateway.dialects import openai_embeddings
from hx_gateway.store.answers_process import ProcessAnswers

ON = CacheSettings(enabled=True, type="local")
VENDOR = Provider(
    name="vendor",
    base_url="http://vendor.test/v1",
    auth=NoCredential(),
    speaks={Operation.EMBED: (openai_embeddings.WAY_OUT,)},
)


class Embedding(ScriptedSender):
    """An upstream whose vectors are the lengths of texts; `short` leaves the last one out."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[list[Any]] = []
        self.short = False
        self.delay_s = 0.0

    async def send(
        self, origin: Origin, request: HttpRequest, deadlines: Deadlines
    ) -> ScriptedExchange:
        asked = msgspec.json.decode(request.body)["input"]
        inputs = [asked] if isinstance(asked, str) else asked
        self.asked.append(inputs)
        await asyncio.sleep(self.delay_s)
        data = [{"index": at, "embedding": [len(text)]} for at, text in enumerate(inputs)]
        count = sum(len(text) for text in inputs)
        body = {
            "object": "list",
            "data": data[:-1] if self.short else data,
            "usage": {"prompt_tokens": count, "total_tokens": count},
        }
        return ScriptedExchange(200, [wire.encode(body)], {})


class Embedder:
    """A pipeline before that upstream."""

    def __init__(
        self, settings: CacheSettings = ON, answers: ProcessAnswers | None = None, **fields: Any
    ) -> None:
        self.sender = Embedding()
        price = Price(input=1_000_000)
        one = chat_deployment("a", provider=VENDOR, price=price)
        made = msgspec.structs.replace(route("m", one), **fields)
        self.rig = Rig(self.sender, made, cache=settings, answers=answers)

    async def ask(self, input_: object, cache: CacheWish | None = None, **more: Any) -> Response:
        fields = wire.decode_fields(wire.encode({"model": "m", "input": input_, **more}))
        call = Call(
            id="c",
            operation=Operation.EMBED,
            dialect="openai_embeddings",
            model="m",
            fields=fields,
            started_at=self.rig.clock.monotonic(),
            cache=cache,
        )
        reply = await self.rig.pipeline.handle(call, CALLER)
        for _ in range(30):  # what is kept is kept beside
            await asyncio.sleep(0)
        return reply

    async def vectors(self, input_: object, **more: Any) -> list[int]:
        answer = msgspec.json.decode((await self.ask(input_, **more)).body)
        assert [item["index"] for item in answer["data"]] == list(range(len(answer["data"])))
        return [item["embedding"][0] for item in answer["data"]]


async def test_only_new_inputs_are_asked_for_and_all_come_back_in_order() -> None:
    it = Embedder()
    assert await it.vectors(["a", "bb"]) == [1, 2]
    assert await it.vectors(["ccc", "bb", "dddd", "a"]) == [3, 2, 4, 1]
    assert it.sender.asked == [["a", "bb"], ["ccc", "dddd"]]
    assert await it.vectors(["dddd", "a"]) == [4, 1]
    assert len(it.sender.asked) == 2


async def test_usage_and_cost_are_those_of_what_was_asked_for() -> None:
    it = Embedder()
    await it.ask(["a", "bb"])
    answer = await it.ask(["bb", "cccc"])
    assert msgspec.json.decode(answer.body)["usage"] == {"prompt_tokens": 6, "total_tokens": 6}
    hit = await it.ask(["a", "cccc"])
    assert msgspec.json.decode(hit.body)["usage"]["prompt_tokens"] == 5
    assert dict(hit.headers)[b"x-litellm-cache-hit"] == b"True"
    assert b"x-litellm-cache-key" not in dict(answer.headers)
    first, second, third = it.rig.receipts.all
    assert [each.cost for each in (first, second, third)] == [3, 4, 0]
    assert [each.cache_hit for each in (first, second, third)] == [False, False, True]


async def test_one_input_is_the_same_alone_and_in_a_list() -> None:
    it = Embedder()
    assert await it.vectors("a") == [1]
    assert await it.vectors(["a"]) == [1]
    assert await it.vectors(["bb", "a"]) == [2, 1]
    assert await it.vectors("bb") == [2]
    assert it.sender.asked == [["a"], ["bb"]]


@pytest.mark.parametrize("other", [{"dimensions": 5}, {"encoding_format": "base64"}])
async def test_what_changes_vectors_keeps_them_apart(other: dict[str, Any]) -> None:
    it = Embedder()
    await it.ask(["a", "bb"])
    await it.ask(["a", "bb"], **other)
    assert it.sender.asked == [["a", "bb"]] * 2


async def test_the_controls_hold_for_every_input() -> None:
    it = Embedder()
    await it.ask(["a", "bb"], CacheWish(writes=False))
    await it.ask(["a", "bb"])
    await it.ask(["a", "bb"], CacheWish(reads=False))
    it.rig.clock.advance(50)
    await it.ask(["a", "ccc"], CacheWish(max_age_s=10))
    assert it.sender.asked == [["a", "bb"]] * 3 + [["a", "ccc"]]
    await it.ask(["bb", "ccc"], CacheWish(max_age_s=10))
    assert it.sender.asked[4:] == [["bb"]]


async def test_equal_lists_at_the_same_time_are_one() -> None:
    it = Embedder()
    await it.ask("a")
    it.sender.delay_s = 0.05
    replies = await asyncio.gather(*(it.ask(["a", "bb"]) for _ in range(20)))
    assert len({reply.body for reply in replies}) == 1
    assert it.sender.asked == [["a"], ["bb"]]


async def test_a_list_that_is_longer_than_an_entry_is_kept_in_parts() -> None:
    """Answers to long lists were larger than an entry may be, and never kept."""
    it = Embedder(CacheSettings(enabled=True, type="local", max_entry_bytes=1024))
    texts = [f"text number {number}" for number in range(60)]
    assert len((await it.ask(texts)).body) > 1024
    await it.ask(texts)
    assert len(it.sender.asked) == 1


async def test_an_answer_with_too_few_vectors_is_an_error_and_nothing_is_kept() -> None:
    it = Embedder()
    await it.ask("a")
    it.sender.short = True
    with pytest.raises(GatewayError) as caught:
        await it.ask(["a", "bb", "ccc"])
    assert isinstance(caught.value, Garbled)
    it.sender.short = False
    assert await it.vectors(["a", "bb"]) == [1, 2]
    assert it.sender.asked[-1] == ["bb"]


async def test_tokens_are_inputs_too() -> None:
    it = Embedder()
    assert await it.vectors([[1, 2], [3]]) == [2, 1]
    assert await it.vectors([[3], [4, 5, 6]]) == [1, 3]
    assert it.sender.asked[1:] == [[[4, 5, 6]]]


async def test_vectors_of_a_fallback_are_never_put_beside_kept_ones() -> None:
    """Where another model may answer, a list is asked for as a whole: all of one model."""
    it = Embedder(fallbacks=("other",))
    await it.ask(["a", "bb"])
    await it.ask(["a", "ccc"])
    assert await it.vectors(["ccc", "a", "bb"]) == [3, 1, 2]
    assert it.sender.asked == [["a", "bb"], ["a", "ccc"]]


async def test_those_who_waited_for_a_list_see_all_its_tokens() -> None:
    it = Embedder()
    await it.ask("a")
    it.sender.delay_s = 0.05
    await asyncio.gather(*(it.ask(["a", "bb"]) for _ in range(2)))
    _, leader, follower = sorted(it.rig.receipts.all, key=lambda each: each.usage.input)
    assert (leader.usage.input, leader.cost, leader.cache_hit) == (2, 2, False)
    assert (follower.usage.input, follower.cost, follower.cache_hit) == (3, 0, True)


class Away(ProcessAnswers):
    """A shared store that does not answer, and counts how often it was asked."""

    is_shared = True

    def __init__(self) -> None:
        super().__init__(FakeClock(), 1 << 20)
        self.asked = 0

    async def get_all(self, names: Sequence[str], *, tenant: str) -> list[bytes | None]:
        self.asked += 1
        raise DependencyError("Redis")


async def test_a_store_that_is_away_is_asked_once() -> None:
    away = Away()
    it = Embedder(answers=away)
    assert await it.vectors(["a", "bb"]) == [1, 2]
    assert away.asked == 1
