"""Several Ollama nodes as one fleet: residency, places, fairness, nodes that die, hang and wake."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
from tests.e2e.test_nodes import nodes
from tests.support.fetch import Answer
from tests.support.ollama import Ollama
from tests.support.served import Gateway, running, until
from tests.support.upstream import Mode

CHAT = "/v1/chat/completions"
FLEET: dict[str, Any] = {"poll_s": 0.2, "parallel": 1}
ASK: Any = [{"role": "user", "content": "Return exactly the text: one two three four"}]


def body(**more: Any) -> dict[str, Any]:
    return {"model": "small", "messages": ASK, **more}


@asynccontextmanager
async def fleet(
    folder: Path, *servers: Ollama, routing: dict[str, Any] | None = None, **settings: Any
) -> AsyncIterator[Gateway]:
    """A gateway in front of nodes gpu1, gpu2 ...; `small` is on all of them."""
    listed = [
        {
            "model_name": "small",
            "litellm_params": {"model": "ollama_chat/llama3.2", "api_base": server.url},
            "model_info": {"node": f"gpu{number}"},
        }
        for number, server in enumerate(servers, 1)
    ]
    wide = {
        "model_name": "wide",
        "litellm_params": {
            "model": "ollama_chat/llama3.2",
            "api_base": servers[0].url,
            "num_ctx": 1000,
        },
    }
    config = {
        "model_list": [*listed, wide],
        "router_settings": routing or {},
        "hx": {"fleet": {**FLEET, **settings}, "server": {"drain_timeout": 0.2}},
    }
    async with running(folder / "state", config=config) as gateway:
        yield gateway


async def until_state(gateway: Gateway, name: str, state: str, timeout_s: float = 10.0) -> float:
    """Wait until a node is seen so; gives the seconds it took."""
    began, found = time.monotonic(), {}
    while time.monotonic() < began + timeout_s:
        found = {node["name"]: node for node in await nodes(gateway)}
        if found[name]["state"] == state:
            return time.monotonic() - began
        await asyncio.sleep(0.02)
    raise AssertionError(f"{name} is not {state}: {found}\n{gateway.logs()}")


def chats(server: Ollama) -> int:
    return [asked.path for asked in server.asked].count("/api/chat")


async def ask_all(gateway: Gateway, count: int, **more: Any) -> list[Answer]:
    asks = (gateway.ask(CHAT, json=body(**more), timeout_s=30.0) for _ in range(count))
    return list(await asyncio.gather(*asks))


async def test_a_call_goes_where_its_model_is_in_memory(tmp_path: Path) -> None:
    async with Ollama() as first, Ollama() as second:
        second.resident["llama3.2:latest"] = 4096
        async with fleet(tmp_path, first, second) as gateway:
            await until_state(gateway, "gpu1", "awake")
            await until_state(gateway, "gpu2", "awake")
            for _ in range(5):
                answer = await gateway.ask(CHAT, json=body())
                assert answer.status == 200, answer.text
                assert answer.headers["x-hx-node"] == "gpu2; resident"
                assert str(second.port) not in str(answer.headers)
            assert (chats(first), chats(second)) == (0, 5)


async def test_a_node_gets_no_more_calls_than_it_works_on(tmp_path: Path) -> None:
    async with Ollama() as first, Ollama() as second:
        first.pace_s = second.pace_s = 0.02
        async with fleet(tmp_path, first, second) as gateway:
            answers = await ask_all(gateway, 12, stream=True)
            assert [answer.status for answer in answers] == [200] * 12
            assert (first.most_in_flight, second.most_in_flight) == (1, 1)
            assert chats(first) + chats(second) == 12
            waited = [a for a in answers if "waited" in a.headers["x-hx-node"]]
            assert len(waited) >= 8
            numbers = (await gateway.ask("/metrics", key=None)).text
            assert 'hx_node_wait_seconds_count{node="gpu1"}' in numbers


async def test_without_places_calls_pile_up_at_the_node(tmp_path: Path) -> None:
    """The control: with room for many, the node sees many at once."""
    async with Ollama() as only:
        only.pace_s = 0.05
        async with fleet(tmp_path, only, parallel=50) as gateway:
            await ask_all(gateway, 6, stream=True)
            assert only.most_in_flight > 1


async def test_a_busy_key_does_not_lock_another_out(tmp_path: Path) -> None:
    async with Ollama() as only:
        only.pace_s = 0.03
        async with fleet(tmp_path, only) as gateway:
            made = await gateway.ask("/key/generate", json={"models": ["small"]})
            modest = made.json()["key"]
            done: list[str] = []

            async def ask(who: str, key: str | None) -> None:
                answer = await gateway.ask(CHAT, json=body(), key=key, timeout_s=30.0)
                assert answer.status == 200, answer.text
                done.append(who)

            greedy = [asyncio.ensure_future(ask("greedy", gateway.key)) for _ in range(10)]
            await until(lambda: chats(only) >= 1, 20.0, "a call at the node")
            await asyncio.sleep(0.1)
            await ask("modest", modest)
            await asyncio.gather(*greedy)
            assert done.index("modest") <= 6, done


async def test_a_full_line_says_when_to_come_again(tmp_path: Path) -> None:
    async with Ollama() as only:
        only.mode = Mode.HANG
        async with fleet(tmp_path, only, queue=1, queue_timeout=0.5, poll_s=3600) as gateway:
            held = asyncio.ensure_future(gateway.ask(CHAT, json=body(), timeout_s=30.0))
            await until(lambda: chats(only) >= 1, 20.0, "a call at the node")
            late, refused = None, None
            for answer in await ask_all(gateway, 2):
                assert answer.status == 503
                assert answer.json()["error"]["code"] == "node_busy"
                assert int(answer.headers["retry-after"]) >= 1
                late, refused = refused, answer
            assert late is not None
            assert chats(only) == 1
            held.cancel()


async def test_a_client_that_leaves_frees_its_place_at_once(tmp_path: Path) -> None:
    async with Ollama() as only, AsyncExitStack() as stack:
        only.pace_s = 30.0
        async with fleet(tmp_path, only) as gateway:
            client = await stack.enter_async_context(
                openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.key)
            )
            stream = await client.chat.completions.create(model="small", messages=ASK, stream=True)
            await anext(aiter(stream))
            waiting = asyncio.ensure_future(gateway.ask(CHAT, json=body(), timeout_s=30.0))
            await asyncio.sleep(0.3)
            assert chats(only) == 1
            only.pace_s = 0.0
            left = time.monotonic()
            await stream.close()
            await until(lambda: chats(only) >= 2, 20.0, "a call at the node")
            freed_s = time.monotonic() - left
            assert (await waiting).status == 200
            assert freed_s < 0.5, freed_s  # usually some 5 ms


async def test_who_leaves_while_waiting_is_never_sent(tmp_path: Path) -> None:
    async with Ollama() as only:
        only.pace_s = 0.1
        async with fleet(tmp_path, only) as gateway:
            running_ = asyncio.ensure_future(gateway.ask(CHAT, json=body(stream=True)))
            await until(lambda: chats(only) >= 1, 20.0, "a call at the node")
            reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
            data = b'{"model":"small","messages":[{"role":"user","content":"never"}]}'
            writer.write(
                b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                b"Authorization: Bearer " + (gateway.key or "").encode() + b"\r\n"
                b"Content-Length: %d\r\n\r\n" % len(data) + data
            )
            await asyncio.sleep(0.1)
            writer.close()
            assert (await running_).status == 200
            assert (await gateway.ask(CHAT, json=body())).status == 200
            assert b"never" not in b"".join(asked.body for asked in only.asked)
            del reader


async def test_a_node_that_dies_midway_is_left_at_once_and_used_when_it_wakes(
    tmp_path: Path,
) -> None:
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(Ollama())
        second = await stack.enter_async_context(Ollama())
        first.resident["llama3.2:latest"] = 4096
        first.pace_s = 0.05
        async with fleet(tmp_path, first, second, parallel=8) as gateway:
            await until_state(gateway, "gpu1", "awake")
            await until_state(gateway, "gpu2", "awake")
            broken = [
                asyncio.ensure_future(gateway.ask(CHAT, json=body(stream=True), timeout_s=30.0))
                for _ in range(4)
            ]
            await until(lambda: chats(first) >= 4, 20.0, "a call at the node")
            await asyncio.sleep(0.08)
            await first.stop()
            died = time.monotonic()
            for answer in await ask_all(gateway, 20):
                assert answer.status == 200, answer.text
                assert answer.headers["x-hx-node"].startswith("gpu2; ")
            for answer in await asyncio.gather(*broken):
                assert b"[DONE]" not in answer.body
            await until_state(gateway, "gpu1", "asleep")
            await first.start()
            woke_s = await until_state(gateway, "gpu1", "awake")
            answer = await gateway.ask(CHAT, json=body())
            while not answer.headers["x-hx-node"].startswith("gpu1"):
                assert time.monotonic() < died + 20.0
                second.resident.clear()
                await asyncio.sleep(0.2)
                answer = await gateway.ask(CHAT, json=body())
            assert woke_s < 6.0


async def test_a_node_that_hangs_is_found_out_and_left(tmp_path: Path) -> None:
    """It accepts connections and answers nothing: only deadlines tell it from a busy one."""
    async with Ollama() as hung, Ollama() as well:
        hung.resident["llama3.2:latest"] = 4096
        async with fleet(tmp_path, hung, well) as gateway:
            await until_state(gateway, "gpu1", "awake")
            hung.mode = Mode.HANG
            await until_state(gateway, "gpu1", "asleep", 15.0)
            for answer in await ask_all(gateway, 8):
                assert answer.status == 200
                assert answer.headers["x-hx-node"].startswith("gpu2; ")
            assert chats(hung) == 0


async def test_a_slow_node_gets_the_smaller_share(tmp_path: Path) -> None:
    async with Ollama() as slow, Ollama() as quick:
        slow.resident["llama3.2:latest"] = quick.resident["llama3.2:latest"] = 4096
        slow.pace_s, quick.pace_s = 0.2, 0.005
        async with fleet(tmp_path, slow, quick) as gateway:
            await until_state(gateway, "gpu1", "awake")
            await until_state(gateway, "gpu2", "awake")
            for answer in await ask_all(gateway, 20, stream=True):
                assert answer.status == 200
            assert chats(slow) < chats(quick)


async def test_a_call_that_waits_takes_a_node_that_wakes(tmp_path: Path) -> None:
    async with Ollama() as busy, Ollama() as sleeper:
        await sleeper.stop()
        async with fleet(tmp_path, busy, sleeper) as gateway:
            await until_state(gateway, "gpu1", "awake")
            await until_state(gateway, "gpu2", "asleep")
            busy.pace_s = 30.0
            held = asyncio.ensure_future(gateway.ask(CHAT, json=body(stream=True), timeout_s=40.0))
            await until(lambda: chats(busy) >= 1, 20.0, "a call at the node")
            waiting = asyncio.ensure_future(gateway.ask(CHAT, json=body(), timeout_s=30.0))
            await asyncio.sleep(0.3)
            await sleeper.start()
            answer = await waiting
            assert answer.status == 200
            assert answer.headers["x-hx-node"].startswith("gpu2; ")
            held.cancel()


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
            assert only.asked[-1].json().get("truncate") is None


async def test_a_prompt_longer_than_the_window_is_refused_if_wanted(tmp_path: Path) -> None:
    routing = {"context_window_fallbacks": [{"small": ["wide"]}]}
    messages = [{"role": "user", "content": "word " * 700}]
    async with Ollama() as only:
        only.context = 500
        async with fleet(tmp_path, only, routing=routing, context="refuse") as gateway:
            assert (await gateway.ask(CHAT, json=body())).status == 200
            for _ in range(50):
                [first] = [n for n in await nodes(gateway) if n["name"] == "gpu1"]
                if [model for model in first["models"] if model["context"] == 500]:
                    break
                await asyncio.sleep(0.1)
            before = chats(only)
            answered = await gateway.ask(CHAT, json=body(messages=messages))
            assert answered.status == 200, answered.text
            assert chats(only) == before + 1  # the narrow one was not even asked
            assert only.asked[-1].json()["options"]["num_ctx"] == 1000
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
