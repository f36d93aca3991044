"""Answers that are given again: what the client sees, who is asked, what the receipt says."""

import asyncio

import msgspec
import pytest
from tests.support.deployments import route
from tests.support.pipelines import CALLER, DONE, USED, Rig, chat_deployment, collect, delta, whole
from tests.support.sender import Answer, Piece, ScriptedSender

from hx_gateway.core import wire
from hx_gateway.core.call import CacheWish, Wishes
from hx_gateway.core.errors import DependencyError, Overloaded, Unreachable
from hx_gateway.core.http import Response
from hx_gateway.core.receipt import Ending
from hx_gateway.core.snapshot import CacheSettings
from hx_gateway.core.usage import Price, Usage
from hx_gateway.store.answers_process import ProcessAnswers

ON = CacheSettings(enabled=True, type="local")
A = chat_deployment("a", price=Price(input=1_000_000, output=1_000_000))
HELLO = [delta("Hel"), delta("lo"), delta(finish="stop"), USED, DONE]


def rig(*pieces: Piece, settings: CacheSettings = ON, status: int = 200) -> Rig:
    sender = ScriptedSender(a=[Answer(status, *(pieces or (whole("Hello"),)))])
    return Rig(sender, route("m", A), cache=settings)


async def settled() -> None:
    """Let what was begun in the background end."""
    for _ in range(10):
        await asyncio.sleep(0)


async def text_of(reply: Response) -> str:
    """What a reply says, whole or streamed."""
    if reply.chunks is None:
        return str(wire.decode_any(reply.body)["choices"][0]["message"]["content"])
    said = ""
    for line in (await collect(reply.chunks)).split(b"\n\n"):
        data = line.removeprefix(b"data: ")
        if data and data != b"[DONE]":
            choices = msgspec.json.decode(data)["choices"]
            said += (choices[0]["delta"].get("content") or "") if choices else ""
    return said


async def test_the_second_of_two_equal_calls_asks_nobody() -> None:
    one = rig()
    first = await one.ask()
    await settled()
    second = await one.ask()
    assert second.body == first.body
    assert len(one.sender.sent) == 1
    told = dict(second.headers)
    assert told[b"x-litellm-cache-hit"] == b"True"
    assert told[b"x-litellm-response-cost"] == b"0"
    assert told[b"x-litellm-model-id"] == b"a"
    assert b"x-litellm-cache-key" not in dict(first.headers)
    miss, hit = one.receipts.all
    assert (miss.cache_hit, miss.cost, miss.cache_key) == (False, 8, None)
    assert (hit.cache_hit, hit.cost, hit.ending) == (True, 0, Ending.COMPLETE)
    assert hit.cache_key == told[b"x-litellm-cache-key"].decode()
    assert hit.usage == miss.usage == Usage(input=3, output=5)
    assert hit.attempts == ()


async def test_without_the_cache_both_are_asked() -> None:
    one = Rig(ScriptedSender(a=[Answer(200, whole("Hello"))]), route("m", A))
    await one.ask()
    await one.ask()
    assert len(one.sender.sent) == 2
    assert {receipt.cache_hit for receipt in one.receipts.all} == {None}


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("second", [False, True])
async def test_whole_and_streamed_answers_serve_one_another(*, first: bool, second: bool) -> None:
    one = rig(*(HELLO if first else [whole("Hello")]))
    assert await text_of(await one.ask(stream=first)) == "Hello"
    await settled()
    again = await one.ask(stream=second)
    assert await text_of(again) == "Hello"
    assert len(one.sender.sent) == 1
    assert one.receipts.all[1].usage == one.receipts.all[0].usage
    assert one.receipts.all[1].usage.output > 0


async def test_an_answer_that_a_stream_could_not_say_serves_whole_requests_only() -> None:
    """A sound in a kept answer would be missing from a stream that is made of events."""
    body = wire.decode_any(whole("Hello"))
    body["choices"][0]["message"]["audio"] = {"data": "aGVsbG8="}
    sound = wire.encode(body)
    sender = ScriptedSender(a=[Answer(200, sound), Answer(200, *HELLO)])
    one = Rig(sender, route("m", A), cache=ON)
    await one.ask()
    await settled()
    assert (await one.ask()).body == sound
    assert await text_of(await one.ask(stream=True)) == "Hello"
    assert len(sender.sent) == 2


async def test_a_replayed_stream_shows_the_usage_only_to_who_asked() -> None:
    one = rig(*HELLO)
    await text_of(await one.ask(stream=True))
    await settled()
    without = await one.ask(stream=True)
    assert without.chunks is not None
    assert b'"usage":{' not in await collect(without.chunks)
    with_usage = await one.ask(stream=True, wants_usage=True)
    assert with_usage.chunks is not None
    said = await collect(with_usage.chunks)
    assert b'"completion_tokens":2' in said
    assert said.endswith(DONE)


@pytest.mark.parametrize(
    "pieces",
    [
        [delta("Hel"), Unreachable("gone")],
        [delta("Hel")],
        [delta("Hel"), b'data: {"error":{"message":"no","type":"server_error"}}\n\n'],
        [delta("Hel"), b"data: not JSON\n\n"],
        [delta("Hello"), delta(finish="length"), USED, DONE],
        [delta("Hello"), delta(finish="content_filter"), USED, DONE],
        [delta("Hello"), delta(finish="tool_calls"), USED, DONE],
        [delta("Hello"), DONE],
    ],
    ids=["reset", "cut", "error", "garbage", "truncated", "filtered", "tools", "no-end"],
)
async def test_a_stream_that_is_not_a_good_answer_is_not_kept(pieces: list[Piece]) -> None:
    one = rig(*pieces)
    for _ in range(2):
        reply = await one.ask(stream=True)
        assert reply.chunks is not None
        await collect(reply.chunks)
        await settled()
    assert len(one.sender.sent) == 2


async def test_errors_are_not_kept() -> None:
    one = rig(b'{"error":{"message":"no"}}', status=500)
    for _ in range(2):
        with pytest.raises(Overloaded):
            await one.ask()
    assert [receipt.ending for receipt in one.receipts.all] == [Ending.FAILED] * 2
    assert len(one.sender.sent) > 2


async def test_the_answer_of_a_fallback_is_not_kept_and_not_shared() -> None:
    sender = ScriptedSender(a=[Unreachable("down")], b=[Answer(200, whole("Hello from b"))])
    main = route("m", A, fallbacks=("f",))
    one = Rig(sender, main, route("f", chat_deployment("b")), cache=ON, num_retries=0)
    replies = await asyncio.gather(one.ask(), one.ask())
    assert [await text_of(reply) for reply in replies] == ["Hello from b"] * 2
    await settled()
    await one.ask()
    assert sender.hosts.count("b") == 3


async def test_a_thousand_equal_misses_are_one_upstream_call() -> None:
    one = rig(0.01, whole("Hello"))
    replies = await asyncio.gather(*(one.ask() for _ in range(1000)))
    assert {reply.body for reply in replies} == {whole("Hello")}
    assert len(one.sender.sent) == 1
    assert [receipt.cache_hit for receipt in one.receipts.all].count(False) == 1
    assert sum(receipt.cost or 0 for receipt in one.receipts.all) == 8


async def test_a_thousand_equal_misses_without_the_cache_are_a_thousand() -> None:
    one = Rig(ScriptedSender(a=[Answer(200, 0.01, whole("Hello"))]), route("m", A))
    await asyncio.gather(*(one.ask() for _ in range(1000)))
    assert len(one.sender.sent) == 1000


async def test_followers_of_a_stream_get_the_whole_of_it() -> None:
    one = rig(delta("Hel"), 0.01, *HELLO[1:])
    replies = [asyncio.ensure_future(one.ask(stream=n % 2 == 0)) for n in range(50)]
    first = await replies[0]
    said = [text_of(first), *[_text_when_there(reply) for reply in replies[1:]]]
    assert set(await asyncio.gather(*said)) == {"Hello"}
    assert len(one.sender.sent) == 1


async def _text_when_there(reply: "asyncio.Future[Response]") -> str:
    return await text_of(await reply)


async def test_the_work_goes_on_when_the_leader_leaves() -> None:
    one = rig(0.02, whole("Hello"))
    leader = asyncio.ensure_future(one.ask())
    await asyncio.sleep(0.005)
    follower = asyncio.ensure_future(one.ask())
    await asyncio.sleep(0.005)
    leader.cancel()
    assert await text_of(await follower) == "Hello"
    assert len(one.sender.sent) == 1
    assert sorted(str(r.cache_hit) for r in one.receipts.all) == ["False", "True"]
    assert {r.ending for r in one.receipts.all} == {Ending.COMPLETE}
    assert sum(r.cost or 0 for r in one.receipts.all) == 8


async def test_a_stream_goes_on_when_its_client_leaves_and_others_wait() -> None:
    one = rig(delta("Hel"), 0.01, delta("lo"), 0.01, *HELLO[2:])
    leader = await one.ask(stream=True)
    follower = asyncio.ensure_future(one.ask())
    await asyncio.sleep(0)
    assert leader.chunks is not None
    await leader.chunks.aclose()
    assert await text_of(await follower) == "Hello"
    assert len(one.sender.sent) == 1
    assert one.sender.exchanges[0].closed


@pytest.mark.parametrize("stream", [False, True])
async def test_the_upstream_is_let_go_when_nobody_is_left(*, stream: bool) -> None:
    one = rig(5.0, *(HELLO if stream else [whole("Hello")]))
    asking = [asyncio.ensure_future(one.ask(stream=stream)) for _ in range(3)]
    await asyncio.sleep(0.01)
    for call in asking:
        call.cancel()
    await asyncio.sleep(0.01)
    assert one.sender.exchanges[0].closed
    assert [r.ending for r in one.receipts.all] == [Ending.ABANDONED] * 3
    assert one.health.of(A).in_flight == 0


async def test_a_client_that_leaves_a_stream_alone_closes_the_upstream() -> None:
    one = rig(delta("Hel"), 5.0)
    reply = await one.ask(stream=True)
    assert reply.chunks is not None
    await reply.chunks.aclose()
    assert one.sender.exchanges[0].closed
    assert one.receipts.only.ending is Ending.ABANDONED


async def test_a_failure_is_everybodys_who_waited_for_it() -> None:
    one = rig(0.01, b"{}", status=401)
    outcomes = await asyncio.gather(*(one.ask() for _ in range(20)), return_exceptions=True)
    assert len({type(each) for each in outcomes}) == 1
    assert len(one.sender.sent) <= 3
    assert len(one.receipts.all) == 20


async def test_the_failure_of_a_leader_with_wishes_of_his_own_is_his_own() -> None:
    sender = ScriptedSender(a=[Answer(500, 0.01, b"{}"), Answer(200, whole("Hello"))])
    one = Rig(sender, route("m", A), cache=ON)
    asking = [asyncio.ensure_future(one.ask(wishes=Wishes(retries=0))) for _ in range(2)]
    leader, follower = await asyncio.gather(*asking, return_exceptions=True)
    assert isinstance(leader, Overloaded)
    assert isinstance(follower, Response)
    assert await text_of(follower) == "Hello"


async def test_who_waited_for_an_answer_that_is_not_kept_asks_for_himself() -> None:
    one = rig(0.01, whole("Hello").replace(b'"stop"', b'"length"'))
    replies = await asyncio.gather(*(one.ask() for _ in range(3)))
    assert [reply.status for reply in replies] == [200, 200, 200]
    assert len(one.sender.sent) == 3


@pytest.mark.parametrize(
    ("wish", "sent"),
    [
        (CacheWish(reads=False), 2),
        (CacheWish(writes=False), 1),
        (CacheWish(reads=False, writes=False), 2),
        (CacheWish(namespace="other"), 2),
        (CacheWish(max_age_s=5), 2),
        (CacheWish(max_age_s=60), 1),
    ],
)
async def test_a_call_says_what_it_wants_of_the_cache(wish: CacheWish, sent: int) -> None:
    one = rig()
    await one.ask()
    await settled()
    one.clock.advance(10)
    await one.ask(cache=wish)
    assert len(one.sender.sent) == sent


async def test_an_answer_that_must_not_be_kept_is_not() -> None:
    one = rig()
    await one.ask(cache=CacheWish(writes=False))
    await settled()
    await one.ask()
    assert len(one.sender.sent) == 2


async def test_a_fresh_answer_replaces_the_kept_one() -> None:
    sender = ScriptedSender(a=[Answer(200, whole("old")), Answer(200, whole("new"))])
    one = Rig(sender, route("m", A), cache=ON)
    await one.ask()
    await settled()
    await one.ask(cache=CacheWish(reads=False))
    await settled()
    assert await text_of(await one.ask()) == "new"


async def test_answers_end_with_their_time() -> None:
    one = rig()
    await one.ask(cache=CacheWish(ttl_s=100))
    await settled()
    one.clock.advance(89)
    await one.ask()
    assert len(one.sender.sent) == 1
    one.clock.advance(22)
    await one.ask()
    assert len(one.sender.sent) == 2


class Broken(ProcessAnswers):
    """A store that never answers well."""

    async def get(self, name: str, *, tenant: str) -> bytes | None:
        raise DependencyError("Redis")

    async def put(self, name: str, value: bytes, *, tenant: str, ttl_s: float) -> None:
        raise DependencyError("Redis")


class Damaging(ProcessAnswers):
    """A store that gives back something else than it was given."""

    async def get(self, name: str, *, tenant: str) -> bytes | None:
        kept = await super().get(name, tenant=tenant)
        return None if kept is None else kept[:-1] + bytes([kept[-1] ^ 1])


@pytest.mark.parametrize("store", [Broken, Damaging])
async def test_a_store_that_fails_or_damages_is_a_miss(store: type[ProcessAnswers]) -> None:
    sender = ScriptedSender(a=[Answer(200, whole("Hello"))])
    one = Rig(sender, route("m", A), cache=ON)
    two = Rig(sender, route("m", A), cache=ON, answers=store(one.clock, 1 << 20))
    for _ in range(2):
        assert await text_of(await two.ask()) == "Hello"
        await settled()
    assert len(sender.sent) == 2


async def test_answers_that_are_too_large_are_not_kept() -> None:
    one = rig(settings=msgspec.structs.replace(ON, max_entry_bytes=100))
    await one.ask()
    await settled()
    await one.ask()
    assert len(one.sender.sent) == 2


async def test_a_stream_beyond_the_limit_still_reaches_its_client() -> None:
    settings = msgspec.structs.replace(ON, max_entry_bytes=64)
    one = rig(*[delta("x") for _ in range(50)], *HELLO[2:], settings=settings)
    assert await text_of(await one.ask(stream=True)) == "x" * 50
    await settled()
    await text_of(await one.ask(stream=True))
    assert len(one.sender.sent) == 2


async def test_a_model_that_the_key_may_not_use_is_not_served_from_the_cache() -> None:
    one = rig()
    await one.ask()
    await settled()
    stranger = msgspec.structs.replace(CALLER, models=("other",))
    with pytest.raises(Exception, match="model"):
        await one.ask(caller=stranger)
