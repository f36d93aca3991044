"""Several Ollama nodes as one fleet: residency, places, fairness, nodes that die, hang and wake."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import openai
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


async def until_state(gateway: Gateway, name: str, state: str, timeout_s: float = 60.0) -> float:
    """Wait until a node is seen so; gives the seconds it took."""
    began, found = time.monotonic(), {}
    while time.monotonic() < began + timeout_s:
        found = {node["name"]: node for node in await nodes(gateway)}
        if found[name]["state"] == state:
            return time.monotonic() - began
        await asyncio.sleep(0.02)
    raise AssertionError(f"{name} is not {state}: {found}\n{gateway.logs()}")


async def until_waiting(gateway: Gateway, count: int) -> None:
    """Wait until so many calls wait for a place, at all nodes together."""
    end, found = time.monotonic() + 60.0, -1
    while found != count:
        assert time.monotonic() < end, f"{found} wait, not {count}"
        each = [m["waiting"] for node in await nodes(gateway) for m in node["models"]]
        found = max(each, default=0)
        await asyncio.sleep(0.02)


def chats(server: Ollama) -> int:
    return [asked.path for asked in server.asked].count("/api/chat")


async def ask_all(gateway: Gateway, count: int, **more: Any) -> list[Answer]:
    asks = (gateway.ask(CHAT, json=body(**more), timeout_s=60.0) for _ in range(count))
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
        first.gate.clear()
        second.gate.clear()
        async with fleet(tmp_path, first, second) as gateway:
            asking = asyncio.ensure_future(ask_all(gateway, 12, stream=True))
            await until_waiting(gateway, 10)
            first.gate.set()
            second.gate.set()
            answers = await asking
            assert [answer.status for answer in answers] == [200] * 12
            assert (first.most_in_flight, second.most_in_flight) == (1, 1)
            assert chats(first) + chats(second) == 12
            waited = [a for a in answers if "waited" in a.headers["x-hx-node"]]
            assert len(waited) == 10
            numbers = (await gateway.ask("/metrics", key=None)).text
            assert 'hx_node_wait_seconds_count{node="gpu1"}' in numbers


async def test_without_places_calls_pile_up_at_the_node(tmp_path: Path) -> None:
    """The control: with room for many, the node sees many at once."""
    async with Ollama() as only:
        only.gate.clear()
        async with fleet(tmp_path, only, parallel=50) as gateway:
            asking = asyncio.ensure_future(ask_all(gateway, 6, stream=True))
            await until(lambda: only.most_in_flight > 1, 60.0, "many at once")
            only.gate.set()
            await asking


async def test_a_busy_key_does_not_lock_another_out(tmp_path: Path) -> None:
    async with Ollama() as only:
        only.gate.clear()
        async with fleet(tmp_path, only) as gateway:
            made = await gateway.ask("/key/generate", json={"models": ["small"]})
            modest = made.json()["key"]
            done: list[str] = []

            async def ask(who: str, key: str | None) -> None:
                answer = await gateway.ask(CHAT, json=body(), key=key, timeout_s=60.0)
                assert answer.status == 200, answer.text
                done.append(who)

            greedy = [asyncio.ensure_future(ask("greedy", gateway.key)) for _ in range(10)]
            await until_waiting(gateway, 9)
            modestly = asyncio.ensure_future(ask("modest", modest))
            await until_waiting(gateway, 10)
            only.gate.set()
            await asyncio.gather(modestly, *greedy)
            assert done.index("modest") <= 6, done  # its turn is next; without, it is the last


async def test_a_full_line_says_when_to_come_again(tmp_path: Path) -> None:
    async with Ollama() as only:
        only.mode = Mode.HANG
        async with fleet(tmp_path, only, queue=1, queue_timeout=0.5, poll_s=3600) as gateway:
            held = asyncio.ensure_future(gateway.ask(CHAT, json=body(), timeout_s=60.0))
            await until(lambda: chats(only) >= 1, 60.0, "a call at the node")
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
            waiting = asyncio.ensure_future(gateway.ask(CHAT, json=body(), timeout_s=60.0))
            await until_waiting(gateway, 1)
            assert chats(only) == 1
            only.pace_s = 0.0
            left = time.monotonic()
            await stream.close()
            await until(lambda: chats(only) >= 2, 60.0, "a call at the node")
            freed_s = time.monotonic() - left
            assert (await waiting).status == 200
            assert freed_s < 10.0, freed_s  # usually some 5 ms; without, 30 s


async def test_who_leaves_while_waiting_is_never_sent(tmp_path: Path) -> None:
    async with Ollama() as only:
        only.gate.clear()
        async with fleet(tmp_path, only) as gateway:
            running_ = asyncio.ensure_future(gateway.ask(CHAT, json=body(stream=True)))
            await until(lambda: chats(only) >= 1, 60.0, "a call at the node")
            reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
            data = b'{"model":"small","messages":[{"role":"user","content":"never"}]}'
            writer.write(
                b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                b"Authorization: Bearer " + (gateway.key or "").encode() + b"\r\n"
                b"Content-Length: %d\r\n\r\n" % len(data) + data
            )
            try:
                await until_waiting(gateway, 1)
            finally:
                writer.close()
            await until_waiting(gateway, 0)
            only.gate.set()
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
        first.gate.clear()
        async with fleet(tmp_path, first, second, parallel=8) as gateway:
            await until_state(gateway, "gpu1", "awake")
            await until_state(gateway, "gpu2", "awake")
            broken = [
                asyncio.ensure_future(gateway.ask(CHAT, json=body(stream=True), timeout_s=60.0))
                for _ in range(4)
            ]
            await until(lambda: chats(first) >= 4, 60.0, "a call at the node")
            await asyncio.sleep(0.2)  # their first words are with the clients
            await first.stop()
            first.gate.set()
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
                assert time.monotonic() < died + 90.0
                second.resident.clear()
                await asyncio.sleep(0.2)
                answer = await gateway.ask(CHAT, json=body())
            assert woke_s < 30.0


async def test_a_node_that_hangs_is_found_out_and_left(tmp_path: Path) -> None:
    """It accepts connections and answers nothing: only deadlines tell it from a busy one."""
    async with Ollama() as hung, Ollama() as well:
        hung.resident["llama3.2:latest"] = 4096
        async with fleet(tmp_path, hung, well) as gateway:
            await until_state(gateway, "gpu1", "awake")
            hung.mode = Mode.HANG
            await until_state(gateway, "gpu1", "asleep")
            for answer in await ask_all(gateway, 8):
                assert answer.status == 200
                assert answer.headers["x-hx-node"].startswith("gpu2; ")
            assert chats(hung) == 0


async def test_calls_that_wait_at_a_node_that_hangs_are_answered_elsewhere(tmp_path: Path) -> None:
    async with Ollama() as hung, Ollama() as well:
        hung.resident["llama3.2:latest"] = 4096
        async with fleet(tmp_path, hung, well, parallel=4) as gateway:
            await until_state(gateway, "gpu1", "awake")
            await until_state(gateway, "gpu2", "awake")
            hung.mode = Mode.HANG
            answers = await ask_all(gateway, 3)
            assert chats(hung) >= 1
            assert [answer.status for answer in answers] == [200] * 3
            moved = [a for a in answers if "upstream_stalled" in a.headers.get("x-hx-attempts", "")]
            assert moved
            for answer in moved:
                assert answer.headers["x-hx-node"].startswith("gpu2; ")


async def test_a_model_that_takes_long_to_load_is_waited_for(tmp_path: Path) -> None:
    """It answered quickly before, and is now silent for many times as long: no hang."""
    async with Ollama() as first, Ollama() as second:
        second.resident["llama3.2:latest"] = 4096
        async with fleet(tmp_path, first, second, parallel=4) as gateway:
            await until_state(gateway, "gpu2", "awake")
            assert (await gateway.ask(CHAT, json=body())).status == 200
            second.resident.clear()
            second.load_s = first.load_s = 4.0
            await asyncio.sleep(0.5)
            answer = await gateway.ask(CHAT, json=body(), timeout_s=60.0)
            assert answer.status == 200
            assert "x-hx-attempts" not in answer.headers
            assert chats(first) + chats(second) == 2


async def test_what_a_node_can_do_at_once_is_learned(tmp_path: Path) -> None:
    async with Ollama() as only:
        only.parallel = 6
        only.pace_s = 0.1  # beside which the machine's own delays are small
        async with fleet(tmp_path, only, parallel=0) as gateway:
            answers = await ask_all(gateway, 30, stream=True)
            assert [answer.status for answer in answers] == [200] * 30
            [node] = [node for node in await nodes(gateway) if node["name"] == "gpu1"]
            [model] = [each for each in node["models"] if each["name"] == "llama3.2:latest"]
            # It learns from how long answers take, which a busy machine blurs: neither 1 nor 30.
            assert 3 <= model["parallel"] <= 12, model
            assert only.most_in_flight <= 12


async def test_a_node_that_does_one_at_a_time_gets_at_most_one_more(tmp_path: Path) -> None:
    async with Ollama() as only:
        only.parallel = 1
        only.pace_s = 0.04
        async with fleet(tmp_path, only, parallel=0) as gateway:
            await ask_all(gateway, 12, stream=True)
            assert only.most_in_flight == 2


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
            held = asyncio.ensure_future(gateway.ask(CHAT, json=body(stream=True), timeout_s=60.0))
            await until(lambda: chats(busy) >= 1, 60.0, "a call at the node")
            waiting = asyncio.ensure_future(gateway.ask(CHAT, json=body(), timeout_s=60.0))
            await until_waiting(gateway, 1)
            await sleeper.start()
            answer = await waiting
            assert answer.status == 200
            assert answer.headers["x-hx-node"].startswith("gpu2; ")
            held.cancel()
