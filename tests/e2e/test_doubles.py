"""The test doubles speak the real wire formats: the official client and the documents agree."""

import asyncio

import pytest
from openai import APIConnectionError, APIStatusError, AsyncOpenAI, InternalServerError
from openai.types.chat import ChatCompletionMessageParam
from tests.support.fetch import fetch
from tests.support.ollama import Ollama
from tests.support.served import until
from tests.support.upstream import Mode, Upstream
from tests.support.vectors import embed, likeness

HELLO: list[ChatCompletionMessageParam] = [
    {"role": "user", "content": "Return exactly the text: Hello there, you"}
]


def client(upstream: Upstream) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=upstream.base_url, api_key="none", max_retries=0, timeout=60)


async def test_the_official_client_reads_the_scripted_upstream() -> None:
    async with Upstream(dimension=8) as upstream, client(upstream) as openai:
        answer = await openai.chat.completions.create(model="scripted", messages=HELLO)
        assert answer.choices[0].message.content == "Hello there, you"
        assert answer.usage
        assert answer.usage.completion_tokens == 3
        vectors = await openai.embeddings.create(model="scripted", input=["a", "b"])
        assert [len(item.embedding) for item in vectors.data] == [8, 8]
        assert [model.id for model in (await openai.models.list()).data] == ["scripted"]
        assert [asked.path for asked in upstream.asked] == [
            "/v1/chat/completions",
            "/v1/embeddings",
            "/v1/models",
        ]


async def test_a_stream_arrives_word_by_word_with_usage_when_asked() -> None:
    async with Upstream() as upstream, client(upstream) as openai:
        stream = await openai.chat.completions.create(
            model="scripted",
            messages=HELLO,
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = [chunk async for chunk in stream]
    text = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(text) == "Hello there, you"
    assert len([piece for piece in text if piece]) == 3
    assert chunks[-1].usage is not None


@pytest.mark.parametrize(
    ("mode", "error"),
    [
        (Mode.FAIL, InternalServerError),
        (Mode.NOT_HTTP, APIConnectionError),
        (Mode.HANG, APIConnectionError),
    ],
)
async def test_a_broken_upstream_is_broken_for_the_official_client(
    mode: Mode, error: type[Exception]
) -> None:
    async with Upstream() as upstream, client(upstream) as openai:
        upstream.mode = mode
        with pytest.raises(error):
            await openai.with_options(timeout=0.3 if mode is Mode.HANG else 60).models.list()


async def test_the_script_comes_before_the_mode() -> None:
    async with Upstream() as upstream, client(upstream) as openai:
        upstream.script.extend([Mode.FAIL, Mode.WELL])
        upstream.status = 429
        with pytest.raises(APIStatusError) as caught:
            await openai.models.list()
        assert caught.value.status_code == 429
        assert (await openai.models.list()).data


async def test_it_refuses_while_down_and_comes_back_on_the_same_port() -> None:
    async with Upstream() as upstream:
        url = f"{upstream.base_url}/models"
        await upstream.down()
        with pytest.raises(OSError, match="refused"):
            await fetch(url)
        await upstream.up()
        assert (await fetch(url)).status == 200


async def test_it_notices_that_the_client_left() -> None:
    async with Upstream() as upstream:
        upstream.mode = Mode.HANG
        with pytest.raises(OSError, match="timed out"):
            await fetch(f"{upstream.base_url}/models", timeout_s=0.3)
        await until(lambda: bool(upstream.asked), 30.0, "it is asked")
        await asyncio.wait_for(upstream.asked[0].gone.wait(), 30)


def test_near_texts_have_near_vectors() -> None:
    fox = embed("the quick brown fox jumps", 384)
    assert likeness(fox, embed("The quick brown fox jumps!", 384)) == pytest.approx(1)
    near = likeness(fox, embed("the quick brown fox sleeps", 384))
    assert 0.6 < near < 1
    assert likeness(fox, embed("quarterly tax report", 384)) < 0.3


async def test_the_scripted_ollama_keeps_to_the_documented_shapes() -> None:
    async with Ollama(dimension=4) as node:
        assert (await fetch(f"{node.url}/api/version")).json()["version"]
        tags = (await fetch(f"{node.url}/api/tags")).json()["models"]
        assert [model["name"] for model in tags] == ["llama3.2:latest", "all-minilm:latest"]
        assert (await fetch(f"{node.url}/api/ps")).json() == {"models": []}
        body = {"model": "all-minilm", "input": ["a", "b"]}
        embedded = (await fetch(f"{node.url}/api/embed", json=body)).json()
        assert [len(vector) for vector in embedded["embeddings"]] == [4, 4]
        resident = (await fetch(f"{node.url}/api/ps")).json()["models"]
        assert [model["name"] for model in resident] == ["all-minilm:latest"]


async def test_the_scripted_ollama_streams_lines_and_knows_what_it_lacks() -> None:
    async with Ollama() as node:
        body = {"model": "llama3.2", "messages": HELLO}
        answer = await fetch(f"{node.url}/api/chat", json=body)
        assert answer.headers["content-type"] == "application/x-ndjson"
        lines = answer.text.splitlines()
        assert len(lines) == 4
        assert '"done":true' in lines[-1]
        missing = await fetch(f"{node.url}/api/chat", json={"model": "x", "messages": HELLO})
        assert (missing.status, missing.json()) == (404, {"error": "model 'x' not found"})
