"""Two gateways with one Redis tell each other which upstreams refuse calls and who uses a node.

A third one without Redis is the control: nobody tells it anything.
"""

import asyncio
import re
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from tests.support.ollama import Ollama
from tests.support.served import Gateway, running, until
from tests.support.upstream import Mode, Upstream
from tests.support.valkey import ValkeyServer, valkey_server

CHAT = "/v1/chat/completions"
ROUTES = ("told", "away", "back")
REDIS_S = 60.0  # no call of these tests may take as long

pytestmark = pytest.mark.asyncio(loop_scope="module")


class World(msgspec.Struct, frozen=True):
    """Gateways that share a Redis (`one`, `two`) or do not (`lone`), and what is behind them."""

    one: Gateway
    two: Gateway
    lone: Gateway
    redis: ValkeyServer
    refuser: Upstream
    helper: Upstream
    node: Ollama


@pytest.fixture(scope="module")
def valkey() -> Iterator[ValkeyServer]:
    with valkey_server() as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(
    tmp_path_factory: pytest.TempPathFactory, valkey: ValkeyServer
) -> AsyncIterator[World]:
    folder = tmp_path_factory.mktemp("replicas")
    async with (
        Upstream() as refuser,
        Upstream() as helper,
        Ollama() as node,
        AsyncExitStack() as up,
    ):
        refuser.mode, refuser.status = Mode.FAIL, 429
        refuser.error_headers = {"retry-after": "600"}
        closed = up.enter_context(socket.socket())
        closed.bind(("127.0.0.1", 0))  # nobody listens, and nobody else can
        dead = f"http://127.0.0.1:{closed.getsockname()[1]}"
        config = config_of(refuser, helper, node, dead)
        env = {"REDIS_URL": valkey.url()}
        gateways = [
            running(folder / "one", config=config, env=env),
            running(folder / "two", config=config, env=env),
            running(folder / "lone", config=config),
        ]
        one, two, lone = [await up.enter_async_context(each) for each in gateways]
        yield World(one, two, lone, valkey, refuser, helper, node)


def config_of(refuser: Upstream, helper: Upstream, node: Ollama, dead: str) -> dict[str, Any]:
    def entry(route: str, where: str, order: int) -> dict[str, Any]:
        params = {"model": "openai/x", "api_base": where, "api_key": "k", "order": order}
        return {
            "model_name": route,
            "litellm_params": params,
            "model_info": {"id": f"{route}-{order}"},
        }

    firsts = {**dict.fromkeys(ROUTES, refuser.base_url), "dead": dead}
    models = [
        each
        for route, first in firsts.items()
        for each in (entry(route, first, 1), entry(route, helper.base_url, 2))
    ]
    small = {
        "model_name": "small",
        "litellm_params": {"model": "ollama_chat/llama3.2", "api_base": node.url},
        "model_info": {"node": "gpu"},
    }
    hx = {"fleet": {"parallel": 2, "poll_s": 0.5}, "redis": {"timeout": REDIS_S}}
    routing = {"cooldown_time": 600}
    return {"model_list": [*models, small], "router_settings": routing, "hx": hx}


async def ask(gateway: Gateway, model: str, **more: Any) -> None:
    body = {"model": model, "messages": [{"role": "user", "content": "hi"}], **more}
    answer = await gateway.ask(CHAT, json=body, timeout_s=REDIS_S / 2)
    assert answer.status == 200, answer.text


async def number(gateway: Gateway, series: str) -> float:
    text = (await gateway.ask("/metrics")).text
    found = re.search(rf"^{re.escape(series)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


async def reaches(gateway: Gateway, series: str, expected: float) -> float:
    """Wait until a series has a value; gives the seconds it took."""
    began = time.monotonic()
    while (found := await number(gateway, series)) != expected:
        assert time.monotonic() < began + 30.0, f"{series}: {found}, not {expected}"
        await asyncio.sleep(0.02)
    return time.monotonic() - began


def state_of(route: str) -> str:
    labels = f'api_provider="openai",litellm_model_name="x",model_id="{route}-1"'
    return f"litellm_deployment_state{{{labels}}}"


async def test_what_refuses_one_gateway_is_left_alone_by_the_other(world: World) -> None:
    world.refuser.asked.clear()
    await ask(world.one, "told")
    assert len(world.refuser.asked) == 1
    seconds = await reaches(world.two, state_of("told"), 2)
    print(f"the other heard of it within {seconds:.2f} s")
    for _ in range(5):
        await ask(world.two, "told")
    assert len(world.refuser.asked) == 1
    await ask(world.lone, "told")  # the control
    assert len(world.refuser.asked) == 2


async def test_what_cannot_be_reached_is_left_alone_by_all_of_the_machine(world: World) -> None:
    """What another machine makes of it is in unit/routing/test_hearsay.py: nothing."""
    for _ in range(3):
        await ask(world.one, "dead")
    await reaches(world.one, state_of("dead"), 2)
    await reaches(world.two, state_of("dead"), 2)
    assert await number(world.lone, state_of("dead")) == 0  # the control


async def test_a_redis_that_hangs_holds_no_call_up_and_is_told_later(world: World) -> None:
    world.refuser.asked.clear()
    world.redis.stop()
    try:
        await ask(world.one, "away")
        await ask(world.one, "away")
        assert len(world.refuser.asked) == 1  # what it knows itself, it goes by
        await ask(world.two, "away")
        assert len(world.refuser.asked) == 2
        await ask(world.one, "back")
    finally:
        world.redis.cont()
    await reaches(world.two, state_of("back"), 2)
    assert len(world.refuser.asked) == 3


async def test_places_at_a_node_are_shared_by_those_who_use_it(world: World) -> None:
    """The node works on two at once. Alone a gateway uses both; two of them, one each."""
    queued = 'hx_node_queued{node="gpu"}'
    world.node.gate.clear()
    held = [begin(world.one), begin(world.two)]
    try:
        await until(lambda: world.node.in_flight == 2, 30.0, "each has a call there")
        for gateway in (world.one, world.two):
            await shared(gateway, 2)
            held.append(begin(gateway))
            await reaches(gateway, queued, 1)
        assert world.node.in_flight == 2
        held += [begin(world.lone) for _ in range(3)]  # the control: who hears nothing uses both
        await until(lambda: world.node.in_flight == 4, 30.0, "it uses both")
        await reaches(world.lone, queued, 1)
    finally:
        world.node.gate.set()
        await asyncio.gather(*held)
    await shared(world.one, 1)  # nobody uses it now


def begin(gateway: Gateway) -> asyncio.Task[None]:
    return asyncio.get_running_loop().create_task(ask(gateway, "small", stream=True))


async def shared(gateway: Gateway, expected: int) -> None:
    """Wait until a gateway shares the node's places with so many."""
    end = time.monotonic() + 30.0
    while (found := await sharers(gateway)) != {expected}:
        assert time.monotonic() < end, f"{found}, not {expected}"
        await asyncio.sleep(0.02)


async def sharers(gateway: Gateway) -> set[int]:
    (node,) = (await gateway.ask("/v1/nodes")).json()["data"]
    return {model["sharers"] for model in node["models"] if model["name"] == "llama3.2:latest"}
