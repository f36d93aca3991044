"""The official OpenAI client, unchanged, against the real program."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
import pytest_asyncio
from tests.e2e.conftest import UPSTREAM_KEY
from tests.support.served import Gateway
from tests.support.upstream import Mode, Upstream

pytestmark = pytest.mark.asyncio(loop_scope="module")

ASK: Any = [{"role": "user", "content": "Return exactly the text: HX-OK is fine"}]


@pytest_asyncio.fixture(loop_scope="module")
async def client(gateway: Gateway) -> AsyncIterator[openai.AsyncOpenAI]:
    async with connected(gateway, gateway.key) as client:
        yield client


def connected(gateway: Gateway, key: str | None) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=0, timeout=60)


async def test_models_chat_stream_and_embeddings(
    client: openai.AsyncOpenAI, upstream: Upstream
) -> None:
    names = [model.id async for model in client.models.list()]
    assert {"chat-a", "chat-b", "emb"} <= set(names)

    answer = await client.chat.completions.create(model="chat-a", messages=ASK, temperature=0)
    assert answer.choices[0].message.content == "HX-OK is fine"
    assert answer.usage is not None
    assert answer.usage.total_tokens > 0

    text, usage = "", None
    async with await client.chat.completions.create(
        model="chat-b", messages=ASK, stream=True, stream_options={"include_usage": True}
    ) as stream:
        async for chunk in stream:
            text += (chunk.choices[0].delta.content or "") if chunk.choices else ""
            usage = chunk.usage or usage
    assert text == "HX-OK is fine"
    assert usage is not None

    vectors = await client.embeddings.create(model="emb", input=["one", "two"])
    assert [len(each.embedding) for each in vectors.data] == [384, 384]
    assert all(
        asked.headers["authorization"] == f"Bearer {UPSTREAM_KEY}" for asked in upstream.asked
    )


async def test_the_synchronous_client_works_too(gateway: Gateway) -> None:
    client = openai.OpenAI(
        base_url=f"{gateway.url}/v1", api_key=gateway.key, max_retries=0, timeout=60
    )
    answer = await asyncio.to_thread(
        client.completions.create, model="chat-a", prompt="Return exactly the text: HX-OK"
    )
    assert answer.choices[0].text == "HX-OK"
    client.close()


async def test_the_first_chunk_comes_before_the_last_is_sent(
    client: openai.AsyncOpenAI, upstream: Upstream
) -> None:
    upstream.gate.clear()
    chunks = 0
    async for _ in await client.chat.completions.create(model="chat-a", messages=ASK, stream=True):
        chunks += 1
        upstream.gate.set()
    assert chunks > 2


@pytest.mark.parametrize(
    ("key", "model", "error", "code"),
    [
        (
            "sk-wrong-0123456789abcdef0123456789",
            "chat-a",
            openai.AuthenticationError,
            "invalid_api_key",
        ),
        (None, "nowhere", openai.NotFoundError, "model_not_found"),
    ],
)
async def test_refusals_arrive_as_the_sdks_own_errors(
    gateway: Gateway,
    upstream: Upstream,
    key: str | None,
    model: str,
    error: type[openai.APIStatusError],
    code: str,
) -> None:
    async with connected(gateway, key or gateway.key) as client:
        with pytest.raises(error) as caught:
            await client.chat.completions.create(model=model, messages=ASK)
    assert caught.value.code == code
    assert "database" not in str(caught.value)
    assert upstream.asked == []


@pytest.mark.parametrize(
    ("mode", "error"),
    [
        (Mode.FAIL, openai.InternalServerError),
        (Mode.GARBAGE, openai.InternalServerError),
        (Mode.NOT_HTTP, openai.InternalServerError),
        (Mode.CUT_BODY, openai.InternalServerError),
        (Mode.EMPTY_BODY, openai.InternalServerError),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_bad_upstream_is_an_error_without_its_address(
    client: openai.AsyncOpenAI,
    upstream: Upstream,
    mode: Mode,
    error: type[openai.APIStatusError],
    stream: bool,
) -> None:
    upstream.mode = mode
    with pytest.raises(error) as caught:
        await client.chat.completions.create(model="chat-a", messages=ASK, stream=stream)
    assert caught.value.status_code in {502, 503}
    assert str(upstream.port) not in str(caught.value)


@pytest.mark.parametrize(
    "mode", [Mode.ERROR_MIDWAY, Mode.RESET_MIDWAY, Mode.CUT_MIDWAY, Mode.NO_DONE]
)
async def test_a_stream_that_breaks_raises_in_the_client(
    client: openai.AsyncOpenAI, upstream: Upstream, mode: Mode
) -> None:
    """Symptom elsewhere: a cut answer looked like a complete one."""
    upstream.mode = mode
    upstream.pace_s = 0.05  # each event by itself: a fault beside the first one could fall back
    got: list[str] = []

    async def listen() -> None:
        stream = await client.chat.completions.create(model="chat-a", messages=ASK, stream=True)
        async for chunk in stream:
            got.append(chunk.choices[0].delta.content or "")

    with pytest.raises(openai.APIError) as caught:
        await listen()
    assert got
    assert "".join(got) != "HX-OK is fine"
    assert caught.value.code == "upstream_interrupted"


@pytest.mark.parametrize("mode", [Mode.EMPTY_VECTOR, Mode.SHORT_COUNT])
async def test_a_missing_vector_is_an_error(
    client: openai.AsyncOpenAI, upstream: Upstream, mode: Mode
) -> None:
    upstream.mode = mode
    with pytest.raises(openai.InternalServerError) as caught:
        await client.embeddings.create(model="emb", input=["one", "two"])
    assert caught.value.status_code == 502


async def test_a_compressed_answer_is_readable(
    client: openai.AsyncOpenAI, upstream: Upstream
) -> None:
    upstream.mode = Mode.GZIP
    answer = await client.chat.completions.create(model="chat-a", messages=ASK)
    assert answer.choices[0].message.content == "HX-OK is fine"


async def test_responses_are_answered_and_streamed(
    client: openai.AsyncOpenAI, upstream: Upstream
) -> None:
    answer = await client.responses.create(
        model="chat-a", input="Return exactly the text: HX-OK is fine", store=False
    )
    assert answer.output_text == "HX-OK is fine"
    kinds, text = [], ""
    stream = await client.responses.create(
        model="chat-a", input="Return exactly the text: HX-OK is fine", stream=True, store=False
    )
    async for event in stream:
        kinds.append(event.type)
        text += event.delta if event.type == "response.output_text.delta" else ""
    assert text == "HX-OK is fine"
    assert (kinds[0], kinds[-1]) == ("response.created", "response.completed")


async def test_a_conversation_that_is_not_kept_is_refused(
    client: openai.AsyncOpenAI, upstream: Upstream
) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        await client.responses.create(model="chat-a", input="x", previous_response_id="resp_1")
    assert caught.value.param == "previous_response_id"
    assert caught.value.code == "previous_response_not_found"
    assert upstream.asked == []
