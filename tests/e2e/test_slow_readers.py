"""Clients that read slowly or not at all: they hold their upstream back, cost little, and are cut."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.pouring import PouringUpstream
from tests.support.process_watch import rss_mib
from tests.support.served import Gateway, running, until
from tests.support.stream_client import question, request_bytes

MANY = 1000
GROWTH_MIB = 150


@pytest.fixture
async def upstream() -> AsyncIterator[PouringUpstream]:
    async with PouringUpstream() as server:
        yield server


def config(upstream: PouringUpstream, **server: Any) -> dict[str, Any]:
    params = {"model": "openai/m", "api_base": f"{upstream.url}/v1", "api_key": "sk-up"}
    models = [{"model_name": "m", "litellm_params": params}]
    return {"model_list": models, "hx": {"server": server}}


@pytest.fixture
def sockets() -> Iterator[contextlib.ExitStack]:
    with contextlib.ExitStack() as opened:
        yield opened


async def connect(gateway: Gateway, prompt: str, sockets: contextlib.ExitStack) -> socket.socket:
    """Begin a stream on a socket with as small a buffer as there can be; reads nothing."""
    loop = asyncio.get_running_loop()
    raw = sockets.enter_context(socket.socket())
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    raw.setblocking(False)
    await loop.sock_connect(raw, ("127.0.0.1", gateway.port))
    body = question("openai_chat", "m", prompt)
    await loop.sock_sendall(raw, request_bytes("openai_chat", body))
    return raw


async def in_flight(gateway: Gateway) -> float:
    answer = await gateway.ask("/metrics")
    lines = [x for x in answer.text.splitlines() if x.startswith("litellm_in_flight_requests ")]
    return float(lines[0].split()[1])


async def settled(upstream: PouringUpstream) -> int:
    """Wait until nothing is poured any more; gives what was."""
    before = -1
    while before != upstream.poured:
        before = upstream.poured
        await asyncio.sleep(0.3)
    return before


async def test_who_reads_nothing_holds_the_upstream_back_and_is_cut(
    tmp_path: Path, sockets: contextlib.ExitStack
) -> None:
    count = 20
    # Large pieces: the buffers on the way, some MiB a stream, must be full before the first is cut.
    async with (
        PouringUpstream(piece=60_000) as upstream,
        running(tmp_path / "s", config=config(upstream, write_timeout=3.0)) as gateway,
    ):
        for _ in range(count):
            await connect(gateway, "pour", sockets)
        async with asyncio.timeout(60.0):
            await settled(upstream)
        assert not any(asked.gone.is_set() for asked in upstream.asked)
        await until(lambda: all(a.gone.is_set() for a in upstream.asked), 60.0, "all are cut")
        assert len(upstream.asked) == count
        assert await in_flight(gateway) == 0
        abandoned = '"ending":"abandoned"'
        await until(lambda: gateway.logs().count(abandoned) >= count, 30.0, "a line for each")
        assert gateway.logs().count(abandoned) == count


async def test_who_reads_slowly_is_not_cut(
    tmp_path: Path, upstream: PouringUpstream, sockets: contextlib.ExitStack
) -> None:
    """The control: the same reader, with an appetite."""
    async with running(tmp_path / "s", config=config(upstream, write_timeout=1.0)) as gateway:
        client = await connect(gateway, "pour", sockets)
        loop = asyncio.get_running_loop()
        for _ in range(150):
            assert await loop.sock_recv(client, 65536)
            await asyncio.sleep(0.02)
        assert not upstream.asked[0].gone.is_set()


@pytest.mark.slow
async def test_a_thousand_idle_streams_and_a_thousand_slow_readers_cost_little(
    tmp_path: Path,
    upstream: PouringUpstream,
    sockets: contextlib.ExitStack,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with running(tmp_path / "s", config=config(upstream, write_timeout=600.0)) as gateway:
        await asyncio.sleep(1.0)
        await in_flight(gateway)
        before = rss_mib(gateway.pid)
        for _ in range(MANY):
            await connect(gateway, "idle", sockets)
        await asyncio.sleep(1.0)
        with_idle = rss_mib(gateway.pid)
        slow = [await connect(gateway, "pour", sockets) for _ in range(MANY)]
        sipping = asyncio.ensure_future(sip(slow))
        sockets.callback(sipping.cancel)
        await asyncio.sleep(15.0)
        growth = rss_mib(gateway.pid) - before
        with capsys.disabled():
            print(
                f"\n{MANY} idle streams: {with_idle - before:.0f} MiB; with {MANY} slow readers "
                f"{growth:.0f} MiB, {upstream.poured / 2**20:.0f} MiB poured"
            )
        assert await in_flight(gateway) == 2 * MANY, gateway.logs()[-2000:]
        sipping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sipping
        sockets.close()
        await until(lambda: all(a.gone.is_set() for a in upstream.asked), 90.0, "all have left")
        assert growth <= GROWTH_MIB


async def sip(clients: list[socket.socket]) -> None:
    """Read a little from each, again and again: about 1 KiB/s."""
    while True:
        for client in clients:
            with contextlib.suppress(BlockingIOError):
                client.recv(1024)
            await asyncio.sleep(0.001)
