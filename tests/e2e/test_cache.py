"""The answer cache of the real program: official clients, every store, stampedes and outages."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import anthropic
import msgspec
import openai
import pytest
import pytest_asyncio
from tests.support.cached import asking, burst, post, running
from tests.support.fetch import Answer
from tests.support.media_upstream import MediaUpstream
from tests.support.served import Gateway, until
from tests.support.upstream import Mode, Upstream
from tests.support.valkey import ValkeyServer, valkey_server

pytestmark = pytest.mark.asyncio(loop_scope="module")

STORES = ("local", "disk", "redis")


@pytest.fixture(scope="module")
def valkey() -> Iterator[ValkeyServer]:
    with valkey_server() as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=STORES)
async def cached(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    shared_upstream: Upstream,
) -> AsyncIterator[Gateway]:
    """The program with one kind of store."""
    env = {}
    if request.param == "redis":
        env = {"REDIS_URL": request.getfixturevalue("valkey").url()}
    folder = tmp_path_factory.mktemp(request.param)
    async with running(folder, shared_upstream, env, type=request.param, ttl=600) as served:
        yield served


def client(served: Gateway, key: str | None = None) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(
        base_url=f"{served.url}/v1", api_key=key or served.key, max_retries=0, timeout=60
    )


async def streamed(api: openai.AsyncOpenAI, **asked: Any) -> tuple[str, Any]:
    text, usage = "", None
    options: Any = {"include_usage": True}
    create: Any = api.chat.completions.create
    async with await create(**asked, stream=True, stream_options=options) as stream:
        async for chunk in stream:
            text += (chunk.choices[0].delta.content or "") if chunk.choices else ""
            usage = chunk.usage or usage
    return text, usage


async def test_openai_gets_the_same_answer_again_whole_and_streamed(
    cached: Gateway, upstream: Upstream
) -> None:
    async with client(cached) as api:
        raw = api.chat.completions.with_raw_response
        first = await raw.create(**asking("HX-OK is fine"))
        assert "x-litellm-cache-key" not in first.headers
        second = await raw.create(**asking("HX-OK is fine"))
        assert second.headers["x-litellm-cache-hit"] == "True"
        assert second.headers["x-litellm-cache-key"]
        assert second.headers["x-litellm-response-cost"] == "0"
        assert second.parse() == first.parse()
        text, usage = await streamed(api, **asking("HX-OK is fine"))
        assert text == "HX-OK is fine"
        counted = first.parse().usage
        assert counted is not None
        assert usage.total_tokens == counted.total_tokens > 0
    assert len(upstream.asked) == 1


async def test_a_stream_serves_a_whole_answer(cached: Gateway, upstream: Upstream) -> None:
    async with client(cached) as api:
        assert (await streamed(api, **asking("streamed first")))[0] == "streamed first"
        answer = await api.chat.completions.create(**asking("streamed first"))
        assert answer.choices[0].message.content == "streamed first"
        assert answer.choices[0].finish_reason == "stop"
        assert answer.usage is not None
        assert answer.usage.completion_tokens > 0
    assert len(upstream.asked) == 1


async def test_anthropic_gets_the_same_answer_again_whole_and_streamed(
    cached: Gateway, upstream: Upstream
) -> None:
    content = "Return exactly the text: for the other client"
    ask: Any = {
        "model": "chat-a",
        "max_tokens": 50,
        "messages": [{"role": "user", "content": content}],
    }
    async with anthropic.AsyncAnthropic(
        base_url=cached.url, api_key=cached.key, max_retries=0, timeout=60
    ) as api:
        first = await api.messages.create(**ask)
        again = await api.messages.create(**ask)
        assert again == first
        async with api.messages.stream(**ask) as stream:
            text = "".join([piece async for piece in stream.text_stream])
            final = await stream.get_final_message()
    assert text == "for the other client"
    assert final.usage.output_tokens == first.usage.output_tokens
    assert final.id == first.id
    assert len(upstream.asked) == 1


async def test_completions_embeddings_and_responses_are_kept_too(
    cached: Gateway, upstream: Upstream
) -> None:
    async with client(cached) as api:
        for _ in range(2):
            text = await api.completions.create(
                model="chat-a", prompt="Return exactly the text: older"
            )
            assert text.choices[0].text == "older"
            vectors = await api.embeddings.create(model="emb", input=["one", "two"])
            assert [len(each.embedding) for each in vectors.data] == [384, 384]
            made = await api.responses.create(
                model="chat-b", input="Return exactly the text: newer", store=False
            )
            assert made.output_text == "newer"
    assert len(upstream.asked) == 3


async def test_of_several_inputs_only_the_new_ones_are_embedded(
    cached: Gateway, upstream: Upstream
) -> None:
    async def vectors(*texts: str) -> list[list[float]]:
        answer = await cached.ask("/v1/embeddings", json={"model": "emb", "input": [*texts]})
        data = answer.json()["data"]
        assert [item["index"] for item in data] == list(range(len(texts)))
        return [item["embedding"] for item in data]

    async def kept(text: str) -> None:
        """Wait until it is there: that is after the client has its answer."""
        body = {"model": "emb", "input": text, "cache": {"no-store": True}}
        for _ in range(200):
            if "x-litellm-cache-key" in (await cached.ask("/v1/embeddings", json=body)).headers:
                return
            await asyncio.sleep(0.02)
        raise AssertionError("it was not kept")

    one, two = await vectors("kept", "kept too")
    await kept("kept")
    await kept("kept too")
    upstream.asked.clear()
    again, new, same = await vectors("kept too", "new", "kept")
    assert (again, same) == (two, one)
    assert new not in (one, two)
    assert [asked.json()["input"] for asked in upstream.asked] == [["new"]]


async def test_a_kept_answer_of_responses_can_be_followed_by_whoever_got_it(
    cached: Gateway, upstream: Upstream
) -> None:
    made = await cached.ask("/key/generate", json={"models": ["chat-b"]})
    ids = []
    for key in (cached.key, made.json()["key"]):
        async with client(cached, key) as api:
            answer = await api.responses.create(
                model="chat-b", input="Return exactly the text: followed"
            )
            again = await api.responses.retrieve(answer.id)
            assert again.output_text == "followed"
            ids.append(answer.id)
            await api.responses.create(
                model="chat-b", input="and then?", previous_response_id=answer.id
            )
    assert ids[0] == ids[1]
    assert len(upstream.asked) == 3  # what follows on something is never kept


async def test_the_controls_of_a_request(cached: Gateway, upstream: Upstream) -> None:
    async def asked(answer_to: str, cache: dict[str, Any] | None = None, **headers: str) -> int:
        before = len(upstream.asked)
        body = asking(answer_to, **({} if cache is None else {"cache": cache}))
        assert (await post(cached, body, **headers)).status == 200
        return len(upstream.asked) - before

    assert await asked("c1", {"no-store": True}) == 1
    assert await asked("c1") == 1
    assert await asked("c1") == 0
    assert await asked("c1", {"no-cache": True}) == 1
    assert await asked("c1", cache_control="no-cache") == 1
    assert await asked("c1", {"namespace": "n"}) == 1
    assert await asked("c1", {"namespace": "n"}) == 0
    assert await asked("c2", {"ttl": 1}) == 1
    assert await asked("c3") == 1
    assert await asked("c3", {"s-maxage": 600}) == 0
    await asyncio.sleep(1.2)
    assert await asked("c2") == 1
    assert await asked("c3", {"s-maxage": 600}) == 0
    assert await asked("c3", {"s-maxage": 1}) == 1
    assert "cache" not in upstream.asked[-1].json()
    bad = await post(cached, asking("c4", cache=5))
    assert bad.status == 400
    assert bad.json()["error"]["param"] == "cache"


async def test_two_tenants_never_share_an_answer(cached: Gateway, upstream: Upstream) -> None:
    keys = []
    for tenant in ("north", "south"):
        made = await cached.ask("/key/generate", json={"tenant": tenant, "models": ["chat-a"]})
        keys.append(made.json()["key"])
    for key in keys:
        upstream.reply = f"the secret of {keys.index(key)}"
        for _ in range(2):
            answer = await post(cached, asking("same question"), key)
            said = answer.json()["choices"][0]["message"]["content"]
            assert said == f"the secret of {keys.index(key)}"
    upstream.reply = None
    assert len(upstream.asked) == 2


async def test_errors_truncated_and_tool_answers_are_not_kept(
    cached: Gateway, upstream: Upstream
) -> None:
    upstream.finish_reason = "length"
    for _ in range(2):
        assert (await post(cached, asking("cut off"))).status == 200
    upstream.finish_reason = "stop"
    assert len(upstream.asked) == 2
    upstream.mode = Mode.GARBAGE
    assert (await post(cached, asking("broken"))).status == 502
    upstream.mode = Mode.WELL
    assert (await post(cached, asking("broken"))).status == 200


@pytest.mark.parametrize("stream", [False, True])
async def test_two_hundred_equal_requests_at_once_are_one(
    cached: Gateway, upstream: Upstream, *, stream: bool
) -> None:
    upstream.delay_s = 0.5
    body = asking(f"stampede {stream}", stream=stream)
    assert await burst(cached, body, 200) == [200] * 200
    assert len(upstream.asked) == 1


async def leave_early(served: Gateway, body: object) -> None:
    """Ask as a client that hangs up before it is answered."""
    data = msgspec.json.encode(body)
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: gateway\r\ncontent-length: {len(data)}\r\n"
        f"content-type: application/json\r\nauthorization: Bearer {served.key}\r\n\r\n"
    )
    writer.write(head.encode() + data)
    await writer.drain()
    await asyncio.sleep(0.3)
    writer.transport.abort()
    assert reader is not None


@pytest.mark.parametrize("stream", [False, True])
async def test_the_answer_comes_also_when_its_first_client_leaves(
    cached: Gateway, upstream: Upstream, *, stream: bool
) -> None:
    upstream.delay_s = 0.8
    body = asking(f"left alone {stream}", stream=stream)
    leader = asyncio.ensure_future(leave_early(cached, body))
    await asyncio.sleep(0.1)
    answers = await asyncio.gather(*(post(cached, body) for _ in range(20)))
    await leader
    assert {answer.status for answer in answers} == {200}
    assert len(upstream.asked) == 1


async def test_the_routes_of_operators(cached: Gateway, upstream: Upstream) -> None:
    async def ask(method: str, path: str, body: object = None) -> Answer:
        return await cached.ask(f"/cache/{path}", method=method, json=body)

    assert (await ask("GET", "ping")).json()["status"] == "healthy"
    await post(cached, asking("kept"))
    hit = await post(cached, asking("kept"))
    key = hit.headers["x-litellm-cache-key"]
    assert (await ask("POST", "delete", {"keys": [key]})).json() == {"status": "success"}
    assert "x-litellm-cache-key" not in (await post(cached, asking("kept"))).headers
    assert "x-litellm-cache-key" in (await post(cached, asking("kept"))).headers
    assert (await ask("POST", "flushall")).json() == {"status": "success"}
    assert "x-litellm-cache-key" not in (await post(cached, asking("kept"))).headers
    assert len(upstream.asked) == 3


async def test_hits_and_misses_are_counted_and_logged(cached: Gateway, upstream: Upstream) -> None:
    await post(cached, asking("counted"))
    await post(cached, asking("counted"))
    assert len(upstream.asked) == 1
    text = (await cached.ask("/metrics")).text
    for name in ("hits_metric", "misses_metric"):
        assert f"litellm_cache_{name}_total{{" in text
    assert "litellm_cached_tokens_metric_total{" in text
    hits = [line for line in text.splitlines() if line.startswith("litellm_cache_hits_metric")]
    assert any('model="scripted"' in line and not line.endswith(" 0.0") for line in hits)
    await until(lambda: '"cache_hit":true' in cached.logs(), 30.0, "its line in the log")


async def test_rankings_are_kept_and_pictures_are_not(tmp_path: Path) -> None:
    async with MediaUpstream() as media:
        place = {"api_base": media.base_url, "api_key": "k"}
        config = {
            "model_list": [
                {"model_name": "ranker", "litellm_params": {"model": "jina_ai/r", **place}},
                {"model_name": "any", "litellm_params": {"model": "openai/any", **place}},
            ],
            "litellm_settings": {"cache": True},
        }
        served = Gateway(tmp_path / "s", config=config)
        served.start()
        try:
            await served.wait_ready()
            rank = {"model": "ranker", "query": "q", "documents": ["a", "b"]}
            first = await served.ask("/v1/rerank", json=rank)
            again = await served.ask("/v1/rerank", json=rank)
            assert first.status == again.status == 200
            assert again.headers["x-litellm-cache-hit"] == "True"
            assert again.body == first.body
            assert len(media.asked) == 1
            for _ in range(2):
                draw = {"model": "any", "prompt": "a whale"}
                drawn = await served.ask("/v1/images/generations", json=draw)
                assert "x-litellm-cache-hit" not in drawn.headers
            assert len(media.asked) == 3
        finally:
            await served.stop()


async def test_without_a_cache_a_ping_says_so(gateway: Gateway) -> None:
    answer = await gateway.ask("/cache/ping")
    assert answer.status == 503
    assert answer.json()["error"]["type"] == "cache_ping_error"
