"""What clients notice of a fleet: windows that are too narrow, and tools in their own formats."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
from tests.e2e.test_fleet import ASK, CHAT, body, chats, fleet
from tests.e2e.test_nodes import nodes
from tests.support.listener import Asked
from tests.support.ollama import Ollama
from tests.support.served import Gateway

LONG = "word " * 3000


async def test_a_prompt_longer_than_the_window_is_not_cut_without_a_word(tmp_path: Path) -> None:
    async with Ollama() as only:
        only.context = 2048
        async with fleet(tmp_path, only) as gateway:
            messages = [{"role": "user", "content": LONG}]
            answer = await gateway.ask(CHAT, json=body(messages=messages))
            assert answer.status == 200
            warned = await gateway.ask(CHAT, json=body(messages=messages, num_ctx=2048))
            assert "the window of the model is 2048" in warned.headers["x-hx-warning"]
            assert "x-hx-warning" not in (await gateway.ask(CHAT, json=body())).headers
            wide = await gateway.ask(CHAT, json=body(messages=messages, num_ctx=8192))
            assert "x-hx-warning" not in wide.headers
            assert last_chat(only).json().get("truncate") is None


def last_chat(server: Ollama) -> Asked:
    """The last chat; the gateway looks at the node all along."""
    return [asked for asked in server.asked if asked.path == "/api/chat"][-1]


async def until_window(gateway: Gateway, tokens: int) -> None:
    """Wait until the gateway has seen with which window the model is in memory."""
    windows: list[int | None] = []
    for _ in range(600):
        windows = [model["context"] for node in await nodes(gateway) for model in node["models"]]
        if tokens in windows:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"{windows}\n{gateway.logs()}")


async def test_a_prompt_longer_than_the_window_is_refused_if_wanted(tmp_path: Path) -> None:
    routing = {"context_window_fallbacks": [{"small": ["wide"]}]}
    messages = [{"role": "user", "content": "word " * 700}]
    async with Ollama() as only:
        only.context = 500
        async with fleet(tmp_path, only, routing=routing, context="refuse") as gateway:
            assert (await gateway.ask(CHAT, json=body())).status == 200
            await until_window(gateway, 500)
            before = chats(only)
            answered = await gateway.ask(CHAT, json=body(messages=messages))
            assert answered.status == 200, answered.text
            assert chats(only) == before + 1  # the narrow one was not even asked
            assert last_chat(only).json()["options"]["num_ctx"] == 1000
            refused = await gateway.ask(
                CHAT, json={"model": "wide", "messages": [{"role": "user", "content": LONG}]}
            )
            assert refused.status == 400
            assert refused.json()["error"]["code"] == "context_length_exceeded"


async def test_what_the_estimate_misses_the_node_refuses(tmp_path: Path) -> None:
    """Short words: more tokens than bytes by four."""
    async with Ollama() as only:
        only.context = 500
        async with fleet(tmp_path, only, context="refuse") as gateway:
            messages = [{"role": "user", "content": "a " * 900}]
            refused = await gateway.ask(CHAT, json=body(messages=messages))
            assert (refused.status, refused.json()["error"]["code"]) == (
                400,
                "context_length_exceeded",
            )
            assert [a.json()["truncate"] for a in only.asked if a.path == "/api/chat"] == [False]


WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
}


@pytest.fixture
def tool_call() -> dict[str, Any]:
    return {"name": "weather", "arguments": {"city": "Oslo"}}


async def test_the_official_clients_stream_tools_through_a_node(
    tmp_path: Path, tool_call: dict[str, Any]
) -> None:
    async with Ollama() as first, Ollama() as second, AsyncExitStack() as stack:
        first.tool_call = second.tool_call = tool_call
        async with fleet(tmp_path, first, second) as gateway:
            client = await stack.enter_async_context(
                openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.key, max_retries=0)
            )
            function: Any = {"name": "weather", "parameters": WEATHER}
            stream = await client.chat.completions.create(
                model="small",
                messages=ASK,
                stream=True,
                tools=[{"type": "function", "function": function}],
                extra_body={"keep_alive": "10m", "num_ctx": 8192},
            )
            name, arguments, finish = "", "", None
            async for chunk in stream:
                for choice in chunk.choices:
                    finish = choice.finish_reason or finish
                    for call in choice.delta.tool_calls or ():
                        assert call.function is not None
                        name += call.function.name or ""
                        arguments += call.function.arguments or ""
            assert (name, arguments, finish) == ("weather", '{"city":"Oslo"}', "tool_calls")
            sent = [a for node in (first, second) for a in node.asked if a.path == "/api/chat"]
            assert sent[0].json()["keep_alive"] == "10m"
            assert sent[0].json()["options"]["num_ctx"] == 8192

            other = await stack.enter_async_context(
                anthropic.AsyncAnthropic(
                    base_url=gateway.url, auth_token=gateway.key, max_retries=0
                )
            )
            tool: Any = {"name": "weather", "input_schema": WEATHER}
            async with other.messages.stream(
                model="small", max_tokens=100, messages=ASK, tools=[tool]
            ) as answer:
                message = await answer.get_final_message()
            [use] = [block for block in message.content if block.type == "tool_use"]
            assert (use.name, use.input, message.stop_reason) == (
                "weather",
                {"city": "Oslo"},
                "tool_use",
            )
