"""Model servers of one's own, as an operator has them: listed, filled, emptied, followed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from tests.e2e.test_discovery import listed
from tests.support.listener import Asked, Wire
from tests.support.ollama import Ollama
from tests.support.served import Gateway, running, until

pytestmark = pytest.mark.asyncio(loop_scope="module")
QUICK = {"fleet": {"poll_s": 0.2}}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def node() -> AsyncIterator[Ollama]:
    async with Ollama() as node:
        yield node


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory, node: Ollama) -> AsyncIterator[Gateway]:
    config = {"hx": {"ollama": [{"url": node.url, "name": "gpu1"}], **QUICK}, "model_list": []}
    async with running(tmp_path_factory.mktemp("nodes"), config=config) as gateway:
        await seen(gateway, lambda node: bool(node["models"]))
        yield gateway


async def nodes(gateway: Gateway) -> list[dict[str, Any]]:
    answer = await gateway.ask("/v1/nodes")
    assert answer.status == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


async def seen(gateway: Gateway, what: Any, timeout_s: float = 60.0) -> dict[str, Any]:
    """Wait until the first node looks as wanted."""
    first: dict[str, Any] = {}
    for _ in range(int(timeout_s / 0.05)):
        [first, *_] = await nodes(gateway)
        if what(first):
            return first
        await asyncio.sleep(0.05)
    raise AssertionError(f"not seen: {first}\n{gateway.logs()}")


async def test_the_command_lists_loads_drops_and_downloads(gateway: Gateway, node: Ollama) -> None:
    told = await gateway.run("nodes", "list")
    assert told.code == 0, told.err
    assert "gpu1  awake  ollama 0.12.6" in told.out
    assert str(node.port) not in told.out
    warmed = await gateway.run("nodes", "warm", "gpu1", "llama3.2", "--json")
    models = {model["name"]: model for model in msgspec.json.decode(warmed.out)["models"]}
    assert models["llama3.2:latest"]["resident"]
    assert list(node.resident) == ["llama3.2:latest"]
    assert (await gateway.run("nodes", "warm", "gpu1", "all-minilm")).code == 0
    assert "all-minilm:latest" in node.resident
    assert (await gateway.run("nodes", "unload", "gpu1", "all-minilm")).code == 0
    assert list(node.resident) == ["llama3.2:latest"]
    assert not [asked for asked in node.asked if asked.path == "/api/chat"]


async def test_a_download_shows_how_far_it_is_and_its_model_is_offered(
    gateway: Gateway, node: Ollama
) -> None:
    pulled = await gateway.run("nodes", "pull", "gpu1", "qwen3:8b")
    assert pulled.code == 0, pulled.err
    lines = pulled.out.splitlines()
    assert lines[0] == "pulling manifest"
    assert [line for line in lines if "50 %" in line], lines
    assert lines[-1] == "success"
    await until_listed(gateway, "ollama/qwen3:8b", there=True)
    node.unpullable.add("nothing")
    failed = await gateway.run("nodes", "pull", "gpu1", "nothing")
    assert (failed.code, failed.err.strip()) == (1, "pull model manifest: file does not exist")


async def test_wrong_names_are_refused_and_no_address_is_taken(gateway: Gateway) -> None:
    for name, model, text in (
        ("gpu9", "m", "There is no such node"),
        ("http://192.0.2.1:11434", "m", "There is nothing at this path"),
        ("gpu1", "missing", "model 'missing' not found"),
    ):
        told = await gateway.run("nodes", "warm", name, model)
        assert told.code == 1
        assert text in told.err


class Odd(Ollama):
    """A node that does not tell all of itself."""

    def __init__(self, **answers: bytes) -> None:
        super().__init__()
        self.answers = {f"/api/{name}": body for name, body in answers.items()}

    async def _handle(self, asked: Asked, wire: Wire) -> None:
        body = self.answers.get(asked.path)
        if body is None:
            await super()._handle(asked, wire)
        else:
            await wire.answer(200 if body else 500, body)


async def test_a_node_that_does_not_tell_all_of_itself_is_used(tmp_path: Path) -> None:
    """Symptom: a node that answered calls was asleep, because it did not tell its version."""
    odds = (
        Odd(version=b""), Odd(version=b"<html>"), Odd(show=b""), Odd(tags=b"[]"),
        Odd(ps=b'{"models":[{"name":"llama3.2:latest","context_length":null,"size":null}]}'),
    )  # fmt: skip
    async with contextlib.AsyncExitStack() as stack:
        for odd in odds:
            await stack.enter_async_context(odd)
        hx = {"ollama": [odd.url for odd in odds], **QUICK}
        async with running(tmp_path, config={"hx": hx, "model_list": []}) as gateway:
            await until(lambda: all(lists(odd) > 1 for odd in odds), 60.0, "two looks at lists")
            await until_nodes(gateway, "awake")
            body = {"model": "ollama/llama3.2", "messages": [{"role": "user", "content": "x"}]}
            assert (await gateway.ask("/v1/chat/completions", json=body)).status == 200
            assert "does not answer" not in gateway.logs()


def lists(node: Ollama) -> int:
    return sum(asked.path == "/api/tags" for asked in node.asked)


async def until_nodes(gateway: Gateway, state: str) -> None:
    for _ in range(200):
        if {node["state"] for node in await nodes(gateway)} == {state}:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"not all are {state}: {await nodes(gateway)}\n{gateway.logs()}")


async def test_a_model_that_no_node_has_does_not_exist(gateway: Gateway) -> None:
    body = {"model": "ollama/nowhere", "messages": [{"role": "user", "content": "x"}]}
    answer = await gateway.ask("/v1/chat/completions", json=body)
    assert (answer.status, answer.json()["error"]["code"]) == (404, "model_not_found")


async def test_a_command_says_when_there_is_no_gateway(gateway: Gateway, tmp_path: Path) -> None:
    alone = Gateway(tmp_path, config="model_list: []")
    for action in (["list"], ["warm", "gpu1", "m"], ["pull", "gpu1", "m"]):
        told = await alone.run("nodes", *action)
        assert (told.code, "No gateway answers there" in told.err) == (1, True)


async def test_the_routes_need_an_administrator(gateway: Gateway) -> None:
    key = (await gateway.ask("/key/generate", json={})).json()["key"]
    assert (await gateway.ask("/v1/nodes", key=key)).status == 403
    for verb in ("warm", "unload", "pull"):
        path = f"/v1/nodes/gpu1/{verb}"
        assert (await gateway.ask(path, json={"model": "m"}, key=key)).status == 403


async def test_a_model_that_vanishes_is_no_longer_offered(gateway: Gateway, node: Ollama) -> None:
    node.installed["mistral:latest"] = ("completion",)
    await until_listed(gateway, "ollama/mistral:latest", there=True)
    del node.installed["mistral:latest"]
    await until_listed(gateway, "ollama/mistral:latest", there=False)


async def until_listed(gateway: Gateway, name: str, *, there: bool) -> None:
    for _ in range(1200):
        if (name in await listed(gateway)) is there:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{name} listed: {not there}")


async def test_what_two_nodes_have_is_one_model_and_changes_drop_no_call(tmp_path: Path) -> None:
    async with Ollama() as first, Ollama({"qwen3": ("completion",)}) as second:
        hx = {"ollama": [first.url, second.url], "fleet": {"poll_s": 0.2, "parallel": 8}}
        async with running(tmp_path, config={"hx": hx, "model_list": []}) as gateway:
            await until_listed(gateway, "ollama/llama3.2:latest", there=True)
            await until_listed(gateway, "ollama/qwen3:latest", there=True)
            stop = asyncio.Event()
            statuses: list[int] = []

            async def call() -> None:
                body = {"model": "ollama/llama3.2", "messages": [{"role": "user", "content": "x"}]}
                while not stop.is_set():
                    answer = await gateway.ask("/v1/chat/completions", json=body)
                    statuses.append(answer.status)

            calls = [asyncio.ensure_future(call()) for _ in range(3)]
            for _ in range(3):
                second.installed["llama3.2:latest"] = ("completion",)
                await until_deployments(gateway, "ollama/llama3.2:latest", 2)
                del second.installed["llama3.2:latest"]
                second.resident.clear()
                await until_deployments(gateway, "ollama/llama3.2:latest", 1)
            stop.set()
            await asyncio.gather(*calls)
            assert len(statuses) > 10
            assert set(statuses) == {200}


async def until_deployments(gateway: Gateway, name: str, count: int) -> None:
    groups: list[dict[str, Any]] = []
    for _ in range(1200):
        groups = (await gateway.ask("/model_group/info")).json()["data"]
        if [each["deployments"] for each in groups if each["model_group"] == name] == [count]:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{name} has not {count} deployments: {groups}\n{gateway.logs()}")


async def test_the_environment_names_a_node(tmp_path: Path) -> None:
    async with Ollama() as node:
        env = {"OLLAMA_HOST": f"127.0.0.1:{node.port}"}
        async with running(tmp_path, env=env) as gateway:
            await until_listed(gateway, "ollama/llama3.2:latest", there=True)


async def test_one_node_that_is_away_is_named_and_does_not_make_us_unready(
    tmp_path: Path, node: Ollama
) -> None:
    hx = {"ollama": [node.url, "http://127.0.0.1:9"], **QUICK}
    async with running(tmp_path, config={"hx": hx, "model_list": []}) as gateway:
        await seen(gateway, lambda node: node["state"] == "awake")
        await until(lambda: "node ollama-2 does not answer" in gateway.logs(), 60.0, "a warning")
        check: dict[str, Any] = {}
        for _ in range(600):  # findings are kept for a moment
            ready = await gateway.ask("/readyz", key=None)
            assert ready.status == 200
            [check] = [each for each in ready.json()["checks"] if each["name"] == "nodes"]
            if check["verdict"] != "ok":
                break
            await asyncio.sleep(0.1)
        assert check["verdict"] == "warn"
        assert "ollama-2 of 2 nodes" in check["detail"]
        numbers = (await gateway.ask("/metrics", key=None)).text
        assert 'hx_node_up{node="ollama-1"} 1.0' in numbers
        assert 'hx_node_up{node="ollama-2"} 0.0' in numbers
