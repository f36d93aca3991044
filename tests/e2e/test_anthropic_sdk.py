"""The official Anthropic client, unchanged, in front of an OpenAI-shaped upstream."""

from collections.abc import AsyncIterator
from typing import Any

import anthropic
import pytest
import pytest_asyncio
from tests.support.served import Gateway
from tests.support.upstream import Mode, Upstream

pytestmark = pytest.mark.asyncio(loop_scope="module")
ASK: Any = [{"role": "user", "content": "Return exactly the text: HX-OK is fine"}]


@pytest_asyncio.fixture(loop_scope="module")
async def client(gateway: Gateway) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(
        base_url=gateway.url, api_key=gateway.key, max_retries=0, timeout=60
    ) as client:
        yield client


async def test_a_message_is_answered(client: anthropic.AsyncAnthropic, upstream: Upstream) -> None:
    answer = await client.messages.create(model="chat-a", max_tokens=50, messages=ASK)
    assert answer.content[0].type == "text"
    assert answer.content[0].text == "HX-OK is fine"
    assert answer.stop_reason == "end_turn"
    assert answer.usage.output_tokens > 0
    assert "x-api-key" not in upstream.asked[0].headers


async def test_a_message_is_streamed(client: anthropic.AsyncAnthropic, upstream: Upstream) -> None:
    async with client.messages.stream(model="chat-a", max_tokens=50, messages=ASK) as stream:
        text = "".join([piece async for piece in stream.text_stream])
        final = await stream.get_final_message()
    assert text == "HX-OK is fine"
    assert final.stop_reason == "end_turn"


async def test_refusals_have_anthropics_shape(
    gateway: Gateway, client: anthropic.AsyncAnthropic, upstream: Upstream
) -> None:
    with pytest.raises(anthropic.NotFoundError) as caught:
        await client.messages.create(model="nowhere", max_tokens=50, messages=ASK)
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["type"] == "error"
    assert caught.value.body["error"]["type"] == "not_found_error"
    async with anthropic.AsyncAnthropic(
        base_url=gateway.url, api_key="wrong", max_retries=0
    ) as other:
        with pytest.raises(anthropic.AuthenticationError):
            await other.messages.create(model="chat-a", max_tokens=50, messages=ASK)


@pytest.mark.parametrize("mode", [Mode.ERROR_MIDWAY, Mode.CUT_MIDWAY, Mode.RESET_MIDWAY])
async def test_a_stream_that_breaks_raises(
    client: anthropic.AsyncAnthropic, upstream: Upstream, mode: Mode
) -> None:
    upstream.mode = mode

    async def listen() -> None:
        async with client.messages.stream(model="chat-a", max_tokens=50, messages=ASK) as stream:
            async for _ in stream.text_stream:
                pass

    with pytest.raises(anthropic.APIStatusError):
        await listen()
