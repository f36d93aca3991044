"""Model servers of one's own: found, listed, used, never woken by being looked at."""

import asyncio
import time
from pathlib import Path

from tests.support.ollama import Ollama
from tests.support.served import Gateway, running


async def listed(gateway: Gateway) -> set[str]:
    return {model["id"] for model in (await gateway.ask("/v1/models")).json()["data"]}


async def test_a_node_that_is_named_offers_all_its_models(tmp_path: Path) -> None:
    async with Ollama() as node:
        config = {"hx": {"ollama": [node.url]}, "model_list": []}
        async with running(tmp_path, config=config) as gateway:
            end = time.monotonic() + 60.0
            while not (
                names := {name for name in await listed(gateway) if name.startswith("ollama/")}
            ):
                assert time.monotonic() < end, gateway.logs()
                await asyncio.sleep(0.1)
            harmless = {"/api/tags", "/api/version", "/api/ps", "/api/show"}
            assert {asked.path for asked in node.asked} <= harmless
            model = "ollama/llama3.2:latest"
            assert model in names
            body = {
                "model": model,
                "messages": [{"role": "user", "content": "Return exactly the text: HX-OK"}],
            }
            answer = await gateway.ask("/v1/chat/completions", json=body)
            assert answer.status == 200, answer.text
            assert answer.json()["choices"][0]["message"]["content"]
            assert [asked.path for asked in node.asked].count("/api/chat") == 1


async def test_a_node_that_is_away_stops_nothing(tmp_path: Path) -> None:
    config = {"hx": {"ollama": ["http://127.0.0.1:9"]}, "model_list": []}
    async with running(tmp_path, config=config) as gateway:
        assert (await gateway.ask("/v1/models")).status == 200
