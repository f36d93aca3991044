"""Two hundred live streams through a stop, and through a thousand reloads."""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.support.counting import CountingUpstream, is_count
from tests.support.served import Gateway, running, until
from tests.support.stream_client import Told, ask, question

STREAMS = 200
RELOADS = 1000
pytestmark = pytest.mark.slow


@pytest.fixture
async def upstream() -> AsyncIterator[CountingUpstream]:
    async with CountingUpstream(pace_s=0.25) as server:
        yield server


def config(upstream: CountingUpstream, *more: str, **hx: Any) -> dict[str, Any]:
    params = {"model": "openai/m", "api_base": f"{upstream.url}/v1", "api_key": "sk-up"}
    names = ("count", *more)
    models = [{"model_name": name, "litellm_params": params} for name in names]
    return {"model_list": models, "hx": hx}


async def begin(gateway: Gateway, prompts: list[str]) -> list["asyncio.Task[Told]"]:
    """Begin streams and wait until each has its first bytes."""
    begun = [asyncio.Event() for _ in prompts]
    tasks = [
        asyncio.ensure_future(
            ask(gateway.port, "openai_chat", question("openai_chat", "count", prompt), event.set)
        )
        for prompt, event in zip(prompts, begun, strict=True)
    ]
    async with asyncio.timeout(90.0):
        for event in begun:
            await event.wait()
    return tasks


def endings(gateway: Gateway) -> Counter[str]:
    """What the call lines of the log say, by ending."""
    lines = [line for line in gateway.logs().splitlines() if line.startswith("{")]
    found = [msgspec.json.decode(line).get("ending") for line in lines]
    return Counter(ending for ending in found if ending)


async def test_a_stop_truncates_no_stream_and_loses_no_receipt(
    tmp_path: Path, upstream: CountingUpstream
) -> None:
    drain_s = 8.0
    options = config(upstream, server={"drain_timeout": drain_s})
    async with running(tmp_path / "s", config=options) as gateway:
        short, long = ["count to 12"] * (STREAMS // 2), ["count to 400"] * (STREAMS // 2)
        tasks = await begin(gateway, [*short, *long])
        began = time.monotonic()
        gateway.signal(signal.SIGTERM)
        told = await asyncio.wait_for(asyncio.gather(*tasks), drain_s + 90.0)
        await until(lambda: not gateway.alive, 60.0, "it ends")
        took = time.monotonic() - began
        assert gateway.exit_code == 0
    for each in told[: STREAMS // 2]:
        assert (each.is_whole, each.is_complete, each.errors) == (True, True, [])
        assert each.text.split() == [str(number) for number in range(12)]
    for each in told[STREAMS // 2 :]:
        assert (each.is_whole, each.is_complete, len(each.errors)) == (True, False, 1)
        assert each.errors[0]["code"] == "gateway_shutdown"
        assert is_count(each.text)
    assert endings(gateway) == {"complete": STREAMS // 2, "drained": STREAMS // 2}
    assert took < drain_s + 2.0 + 20.0  # the last for a busy machine


async def test_a_thousand_reloads_break_no_stream_and_no_rule(
    tmp_path: Path, upstream: CountingUpstream
) -> None:
    """Half of them are invalid, and the configuration before stays in force."""
    async with running(tmp_path / "s", config=config(upstream)) as gateway:
        tasks = await begin(gateway, ["go on"] * STREAMS)
        for number in range(RELOADS):
            is_valid = number % 2 == 0
            gateway.configure(config(upstream, f"m{number}") if is_valid else "model_list: {\n")
            await reload(gateway, number, is_valid=is_valid)
            if number % 100 in (0, 1):
                models = {m["id"] for m in (await gateway.ask("/v1/models")).json()["data"]}
                assert f"m{number - number % 2}" in models
        assert not any(task.done() for task in tasks)
        upstream.finished.set()
        told = await asyncio.wait_for(asyncio.gather(*tasks), 90.0)
        assert all(each.is_whole and each.is_complete and not each.errors for each in told)
        assert all(is_count(each.text) and each.text for each in told)


async def reload(gateway: Gateway, number: int, *, is_valid: bool) -> None:
    """Reload, and wait until the log says what came of it."""
    said = "configuration reloaded" if is_valid else "reload refused"
    wanted = number // 2 + 1
    gateway.signal(signal.SIGHUP)
    end = time.monotonic() + 60.0
    while gateway.logs().count(said) < wanted:
        assert time.monotonic() < end, f"reload {number}: {said}"
        await asyncio.sleep(0.01)
