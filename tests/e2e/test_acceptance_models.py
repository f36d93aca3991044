"""Acceptance cases that want a real model (OAI-05, OAI-19): the demo model, by OpenAI's client."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import openai
import pytest
import pytest_asyncio
from tests.e2e.test_dependencies import until_deps
from tests.support.served import Gateway, running

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]
PROMPTS = (
    "Explain in two sentences why the sky is blue.",
    "Write a short paragraph about the sea.",
    "What is a library, and what do people do there?",
    "Describe how to make a cup of tea, step by step.",
    "Tell me a short story about a dog and a cat.",
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    """What one gets without any configuration."""
    state: Path = tmp_path_factory.mktemp("live") / "s"
    async with running(state) as served:
        await until_deps(served, qdrant=True)
        yield served


@pytest_asyncio.fixture(loop_scope="module")
async def client(gateway: Gateway) -> AsyncIterator[openai.AsyncOpenAI]:
    url = f"{gateway.url}/v1/"  # with the slash at its end, as many write it
    async with openai.AsyncOpenAI(base_url=url, api_key=gateway.key, timeout=300) as made:
        yield made


async def test_oai_05_each_answer_is_some_words(client: openai.AsyncOpenAI) -> None:
    for prompt in PROMPTS:
        answer = await client.chat.completions.create(
            model="demo", messages=[{"role": "user", "content": prompt}], max_tokens=120
        )
        text = answer.choices[0].message.content or ""
        assert len(text) > 20, (prompt, text)
        assert len(text.split()) >= 5, (prompt, text)
        assert not text.startswith("demo: no model ran"), "a real model is wanted"


async def test_oai_19_the_official_client_does_it_all(client: openai.AsyncOpenAI) -> None:
    models = {model.id async for model in client.models.list()}
    assert {"demo", "embedding"} <= models
    assert (await client.models.retrieve("demo")).id == "demo"
    ask: dict[str, Any] = {"model": "demo", "max_tokens": 16}
    ask["messages"] = [{"role": "user", "content": "Say hello."}]
    answer = await client.chat.completions.create(**ask)
    assert (answer.choices[0].message.content or "").strip()
    assert answer.usage is not None
    text = ""
    async with await client.chat.completions.create(**ask, stream=True) as stream:
        async for chunk in stream:
            text += (chunk.choices[0].delta.content or "") if chunk.choices else ""
    assert text.strip()
    vectors = await client.embeddings.create(model="embedding", input=["one", "two"])
    assert [len(each.embedding) for each in vectors.data] == [384, 384]
    with pytest.raises(openai.NotFoundError):
        await client.chat.completions.create(**{**ask, "model": "nowhere"})


async def test_oai_19_the_synchronous_client_too(gateway: Gateway) -> None:
    def work() -> str | None:
        with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.key, timeout=300) as made:
            assert {"demo"} <= {model.id for model in made.models.list()}
            ask: Any = [{"role": "user", "content": "Say hello."}]
            answer = made.chat.completions.create(model="demo", messages=ask, max_tokens=8)
            return answer.choices[0].message.content

    assert await asyncio.to_thread(work)
