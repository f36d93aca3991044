"""Answers found by meaning: the real MiniLM, on the embedded engine, Qdrant's wire, RediSearch."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import ExitStack
from typing import Any

import pytest
import pytest_asyncio
from tests.e2e.conftest import UPSTREAM_KEY
from tests.support.absent import absent
from tests.support.children import short_folder
from tests.support.fetch import Answer
from tests.support.qdrant import qdrant_double
from tests.support.served import Gateway
from tests.support.upstream import Upstream
from tests.support.valkey import search_module, valkey_server

pytestmark = pytest.mark.asyncio(loop_scope="module")

THRESHOLD = 0.8
PAIRS = [
    ("How tall is the Eiffel tower?", "What is the height of the Eiffel tower?"),
    ("What is the capital of France?", "Which city is the capital of France?"),
    ("How do I reset my password?", "How can I reset my password?"),
]
UNLIKE = ["Write a poem about the sea.", "Convert 5 miles to kilometres.", "Who wrote Hamlet?"]


def config(upstream: Upstream, type_: str) -> dict[str, Any]:
    params: dict[str, Any] = {"type": type_, "similarity_threshold": THRESHOLD}
    params["semantic_cache_scope"] = "tenant"
    params["semantic_cache_embedding_timeout"] = 30
    model = {
        "model": "openai/scripted",
        "api_base": upstream.base_url,
        "api_key": UPSTREAM_KEY,
    }
    return {
        "model_list": [{"model_name": "chat", "litellm_params": model}],
        "litellm_settings": {"cache": True, "cache_params": params},
        "hx": {"cache": {"timeout": 10}},
    }


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["edge", "qdrant", "redis"])
async def served(
    request: pytest.FixtureRequest, shared_upstream: Upstream
) -> AsyncIterator[Gateway]:
    """The program with its own embedding model and one of the engines."""
    with ExitStack() as stack:
        type_, env = "qdrant-semantic", {}
        if request.param == "qdrant":
            double = stack.enter_context(qdrant_double("secret"))
            url = f"http://127.0.0.1:{double.port}"
            env = {"QDRANT_URL": url, "QDRANT_API_KEY": "secret"}
        elif request.param == "redis":
            module = search_module()
            if module is None:
                absent("RediSearch")
            redis = stack.enter_context(valkey_server(module))
            type_, env = "redis-semantic", {"REDIS_URL": redis.url()}
        folder = stack.enter_context(short_folder())
        made = Gateway(folder, config=config(shared_upstream, type_), env=env)
        made.start()
        try:
            await made.wait_ready(60)
            await _warm(made)
            yield made
        finally:
            await made.stop()


async def _warm(gateway: Gateway) -> None:
    """Wait until the child with the model answers."""
    body = {"model": "embedding", "input": "warm"}
    for _ in range(100):
        if (await gateway.ask("/v1/embeddings", json=body, timeout_s=60)).status == 200:
            return
        await asyncio.sleep(0.2)
    raise AssertionError("the embedding model did not come up")


async def ask(served: Gateway, text: str, key: str | None = None, **more: Any) -> Answer:
    body = {"model": "chat", "messages": [{"role": "user", "content": text}], **more}
    answer = await served.ask("/v1/chat/completions", json=body, key=key or served.key)
    assert answer.status == 200, answer.text
    return answer


def said(answer: Answer) -> str:
    return str(answer.json()["choices"][0]["message"]["content"])


def is_hit(answer: Answer) -> bool:
    return "x-litellm-cache-key" in answer.headers


async def kept(served: Gateway, text: str, key: str | None = None) -> Answer:
    """Ask, and wait until the answer can be looked up: that is after the client has it."""
    first = await ask(served, text, key)
    for _ in range(600):
        if "x-litellm-semantic-similarity" in (await ask(served, text, key)).headers:
            return first
        await asyncio.sleep(0.05)
    raise AssertionError("the answer was not kept")


async def test_a_question_in_other_words_gets_the_kept_answer(
    served: Gateway, upstream: Upstream
) -> None:
    for number, (one, other) in enumerate(PAIRS):
        upstream.reply = f"answer {number}"
        await kept(served, one)
        asked = len(upstream.asked)
        answer = await ask(served, other)
        assert is_hit(answer)
        assert said(answer) == f"answer {number}"
        assert THRESHOLD <= float(answer.headers["x-litellm-semantic-similarity"]) <= 1
        assert len(upstream.asked) == asked
    upstream.reply = "something else"
    for text in UNLIKE:
        assert not is_hit(await ask(served, text))
    upstream.reply = None


async def test_a_semantic_hit_is_streamed_to_who_streams(
    served: Gateway, upstream: Upstream
) -> None:
    upstream.reply = "forty-two"
    await kept(served, "What is six times seven?")
    answer = await ask(served, "What is six times seven ?", stream=True)
    assert is_hit(answer)
    assert "forty-two" in answer.text
    assert answer.text.endswith("data: [DONE]\n\n")
    upstream.reply = None


async def test_everything_but_the_last_words_must_be_equal(
    served: Gateway, upstream: Upstream
) -> None:
    upstream.reply = "kept"
    question = "How many moons does Jupiter have?"
    await kept(served, question)
    user = {"role": "user", "content": question}
    system = {"role": "system", "content": "Answer as a pirate."}
    for other in (
        {"messages": [system, user]},
        {"messages": [user], "temperature": 1.5},
        {"messages": [user], "tools": [{"type": "function", "function": {"name": "f"}}]},
        {"messages": [user, {"role": "assistant", "content": "x"}, user, system, user]},
    ):
        assert not is_hit(await ask(served, question, **other)), other
    upstream.reply = None


async def test_two_tenants_never_get_each_others_answers(
    served: Gateway, upstream: Upstream
) -> None:
    """Equal and near-equal prompts in many random pairs: not one foreign answer."""
    keys = {}
    for tenant in ("north", "south"):
        made = await served.ask("/key/generate", json={"tenant": tenant})
        keys[tenant] = made.json()["key"]
    chance = random.Random(11)
    words = ["please", "tell", "me", "how", "tall", "the", "old", "tower", "in", "paris", "is"]
    prompts = [" ".join(chance.sample(words, 9)) for _ in range(40)]
    foreign = own = 0
    for _ in range(120):
        tenant = chance.choice(["north", "south"])
        upstream.reply = f"of {tenant}"
        answer = await ask(served, chance.choice(prompts), keys[tenant])
        foreign += said(answer) != f"of {tenant}"
        own += is_hit(answer)
    upstream.reply = None
    assert foreign == 0
    assert own > 20  # within a tenant, near-equal prompts do share: the test can fail


async def test_operators_empty_it(served: Gateway, upstream: Upstream) -> None:
    assert (await served.ask("/cache/ping")).json()["cache_type"].endswith("-semantic")
    questions = ["What is the tallest mountain?", "Who painted the Mona Lisa?"]
    for text in questions:
        await kept(served, text)
    before = len(upstream.asked)
    key = (await ask(served, questions[0])).headers["x-litellm-cache-key"]
    assert (await served.ask("/cache/delete", json={"keys": [key]})).status == 200
    assert not is_hit(await ask(served, questions[0]))
    assert is_hit(await ask(served, questions[1]))
    assert (await served.ask("/cache/flushall", method="POST")).status == 200
    assert not is_hit(await ask(served, questions[1]))
    assert len(upstream.asked) == before + 2
