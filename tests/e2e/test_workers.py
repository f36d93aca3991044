"""Several processes serve one port as one: none is missed, all count, stop and reload together."""

import asyncio
import errno
import os
import re
import signal
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from tests.e2e.conftest import simple_config
from tests.support.processes import children
from tests.support.served import MASTER_KEY, Gateway, running, until
from tests.support.upstream import Upstream
from tests.support.valkey import ValkeyServer, valkey_server

ASK = {"model": "chat-a", "messages": [{"role": "user", "content": "one two three"}]}
CALLS = "litellm_proxy_total_requests_metric_total"
TWO = ("--workers", "2")
SERVING = "STATUS=serving (2 workers)"

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def valkey() -> Iterator[ValkeyServer]:
    with valkey_server() as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(
    tmp_path_factory: pytest.TempPathFactory, shared_upstream: Upstream, valkey: ValkeyServer
) -> AsyncIterator[Gateway]:
    state = tmp_path_factory.mktemp("workers") / "s"
    options = {"config": simple_config(shared_upstream), "env": {"REDIS_URL": valkey.url()}}
    async with running(state, arguments=TWO, **options) as made:
        await all_serve(made)
        yield made


def processes(gateway: Gateway, module: str = "hx_gateway.app.worker") -> set[int]:
    """Which children of the parent run a module."""
    assert gateway.process is not None
    return {pid for pid in children(gateway.process.pid) if module in command_of(pid)}


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


async def all_serve(gateway: Gateway) -> None:
    await counted(gateway, "hx_workers", 2)


async def counted(gateway: Gateway, name: str, expected: float) -> None:
    """Wait until the series of a metric add up to a number."""
    end = time.monotonic() + 60.0
    while (found := await number(gateway, name)) != expected:
        assert time.monotonic() < end, f"{name}: {found}, not {expected}"
        await asyncio.sleep(0.05)


async def number(gateway: Gateway, name: str) -> float:
    """Add up all series of a metric."""
    text = (await gateway.ask("/metrics")).text
    return sum(
        float(value) for value in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", text, re.MULTILINE)
    )


class Client:
    """One connection, kept. `served_by` tells the process behind it: ids begin with its own mark."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self.served_by = ""

    async def ask(self, **more: Any) -> int:
        """Send a call and read its answer whole; raises OSError or EOFError."""
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(
                "127.0.0.1", self._gateway.port
            )
        assert self._reader is not None
        body = msgspec.json.encode({**ASK, **more})
        self._writer.write(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\nauthorization: Bearer %s\r\n"
            b"content-length: %d\r\n\r\n%s" % (MASTER_KEY.encode(), len(body), body)
        )
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        length = re.search(r"content-length: (\d+)", head, re.IGNORECASE)
        if length is not None:
            await self._reader.readexactly(int(length[1]))
        mark = re.search(r"x-request-id: ([0-9a-f]+)", head, re.IGNORECASE)
        assert mark is not None
        self.served_by = mark[1]
        return int(head.split()[1])

    async def rest(self) -> bytes:
        """Read on until the stream ends."""
        assert self._reader is not None
        return await asyncio.wait_for(self._reader.readuntil(b"0\r\n\r\n"), 60.0)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None


async def clients_of_both(gateway: Gateway) -> list[Client]:
    """Make eight clients or more, of which either worker serves two at least and six at most."""
    clients: list[Client] = []
    end = time.monotonic() + 60.0
    while len(clients) < 8 or len(spread(clients)) < 2 or min(spread(clients).values()) < 2:
        assert time.monotonic() < end, spread(clients)
        client = Client(gateway)
        assert await client.ask() == 200
        if spread(clients).get(client.served_by, 0) < 6:
            clients.append(client)
        else:  # the kernel chooses who accepts
            client.close()
    return clients


def spread(clients: list[Client]) -> dict[str, int]:
    marks = [client.served_by for client in clients]
    return {mark: marks.count(mark) for mark in set(marks)}


async def test_numbers_are_those_of_all_workers(gateway: Gateway, upstream: Upstream) -> None:
    before = await number(gateway, CALLS)
    clients = await clients_of_both(gateway)
    for client in clients:
        client.close()
    await counted(gateway, CALLS, before + len(upstream.asked))
    # The control: neither worker alone answered all of them.
    assert max(spread(clients).values()) < len(clients)


async def test_a_worker_that_is_killed_takes_only_its_own_and_is_replaced(
    gateway: Gateway, upstream: Upstream
) -> None:
    before, ends = processes(gateway), await number(gateway, "hx_worker_ends_total")
    calls = await number(gateway, CALLS)
    engines = processes(gateway, "hx_gateway.local.vectors")
    clients = await clients_of_both(gateway)
    upstream.delay_s = 0.02
    over = asyncio.Event()
    lost: list[str] = []

    async def load(client: Client) -> None:
        while not over.is_set():
            try:
                assert await client.ask() == 200
            except (OSError, EOFError):
                lost.append(client.served_by)  # then it comes again, and is answered
                client.close()

    running_ = [asyncio.ensure_future(load(client)) for client in clients]
    try:
        os.kill(min(before), signal.SIGKILL)
        await until(lambda: bool(lost), 60.0, "its clients notice")
        await until(lambda: len(processes(gateway)) == 2, 60.0, "it is replaced")
        await all_serve(gateway)
    finally:
        over.set()
        await asyncio.gather(*running_)
        for client in clients:
            client.close()
    assert len(set(lost)) == 1, "clients of the other worker lost a call"
    assert len(processes(gateway) - before) == 1
    assert await number(gateway, "hx_worker_ends_total") == ends + 1
    # What it had told is not lost with it, and the engine that both use went on.
    assert await number(gateway, CALLS) >= calls
    assert processes(gateway, "hx_gateway.local.vectors") == engines


async def test_a_reload_is_taken_up_by_all_or_none(gateway: Gateway, upstream: Upstream) -> None:
    config = simple_config(upstream)
    clients = await clients_of_both(gateway)
    try:
        gateway.configure({**config, "model_list": config["model_list"][1:]})
        assert (await gateway.run("reload")).code == 0
        assert {await client.ask() for client in clients} == {404}
        refused = gateway.logs().count("all workers go on with what they have")
        gateway.configure("model_list: {\n")
        gateway.signal(signal.SIGHUP)
        await until(
            lambda: gateway.logs().count("all workers go on with what they have") > refused,
            60.0,
            "the bad one is refused",
        )
        assert {await client.ask(model="chat-b") for client in clients} == {200}
    finally:
        gateway.configure(config)
        assert (await gateway.run("reload")).code == 0
        assert {await client.ask() for client in clients} == {200}
        for client in clients:
            client.close()


async def test_a_key_that_is_revoked_through_one_worker_is_refused_by_all(
    gateway: Gateway, upstream: Upstream
) -> None:
    made = await gateway.ask("/key/generate", json={"key_alias": "w"})
    key = made.json()["key"]
    for _ in range(10):
        assert (await gateway.ask("/v1/models", key=key)).status == 200
    assert (await gateway.ask("/key/delete", json={"keys": [key]})).status == 200
    async with asyncio.timeout(60.0):
        refused = 0
        while refused < 20:  # in a row, each over a connection of its own
            answer = await gateway.ask("/v1/models", key=key)
            refused = refused + 1 if answer.status == 401 else 0


async def test_a_worker_that_is_told_to_end_finishes_what_it_answers_and_is_replaced(
    gateway: Gateway, upstream: Upstream
) -> None:
    before = processes(gateway)
    clients = await clients_of_both(gateway)
    upstream.gate.clear()
    try:
        for client in clients:
            assert await client.ask(stream=True) == 200
        os.kill(min(before), signal.SIGTERM)
        await asyncio.sleep(
            0.2
        )  # if it ended at once, its clients would now have lost their streams
        upstream.gate.set()
        for client in clients:
            assert b"[DONE]" in await client.rest()
        await until(lambda: len(processes(gateway) - before) == 1, 30.0, "it is replaced")
        await all_serve(gateway)
    finally:
        upstream.gate.set()
        for client in clients:
            client.close()


async def test_a_stop_lets_the_streams_of_all_workers_finish(
    tmp_path: Path, shared_upstream: Upstream, upstream: Upstream, valkey: ValkeyServer
) -> None:
    """Systemd signals every process of the service, and the parent tells them once more: that is
    no second signal, which would cut the streams short."""
    options = {"config": simple_config(upstream), "env": {"REDIS_URL": valkey.url()}}
    async with running(tmp_path, arguments=TWO, **options) as gateway:
        await all_serve(gateway)
        clients = await clients_of_both(gateway)
        upstream.gate.clear()
        try:
            for client in clients:
                assert await client.ask(stream=True) == 200
            assert len(spread(clients)) == 2
            assert gateway.process is not None
            for pid in (gateway.process.pid, *processes(gateway)):
                os.kill(pid, signal.SIGTERM)
            await until(lambda: is_refused(gateway.port), 30.0, "it takes no new ones")
            upstream.gate.set()
            for client in clients:
                assert b"[DONE]" in await client.rest()
        finally:
            upstream.gate.set()
            for client in clients:
                client.close()
        await until(lambda: not gateway.alive, 60.0, "all end")
        assert gateway.exit_code == 0
        assert not (gateway.state / "hx-gateway.pid").exists()


def is_refused(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == errno.ECONNREFUSED


@pytest.mark.slow
async def test_without_their_parent_workers_end_and_free_the_port(
    tmp_path: Path, upstream: Upstream, valkey: ValkeyServer
) -> None:
    options = {"config": simple_config(upstream), "env": {"REDIS_URL": valkey.url()}}
    async with running(tmp_path, arguments=TWO, **options) as gateway:
        workers = processes(gateway)
        gateway.kill()
        await until(lambda: not any(map(command_of, workers)), 60.0, "the workers end")
        with closing(socket.create_server(("127.0.0.1", gateway.port))):
            pass


@pytest.mark.slow
async def test_systemd_hears_of_all_and_a_worker_that_hangs_is_replaced(
    tmp_path: Path, upstream: Upstream, valkey: ValkeyServer
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        path = str(tmp_path / "notify")
        manager.bind(path)
        manager.setblocking(False)
        env = {"REDIS_URL": valkey.url(), "NOTIFY_SOCKET": path, "WATCHDOG_USEC": "3000000"}
        gateway = Gateway(tmp_path / "s", config=simple_config(upstream), env=env, arguments=TWO)
        gateway.start()
        try:
            heard = await hear(manager, "READY=1")
            assert len(processes(gateway)) == 2
            assert "WATCHDOG=1" in heard
            if SERVING not in heard[-1]:  # the first looks at what they depend on may still come
                await hear(manager, SERVING)
            hung = min(processes(gateway))
            os.kill(hung, signal.SIGSTOP)
            await until(lambda: hung not in processes(gateway), 60.0, "it is ended")
            await all_serve(gateway)
            gateway.signal(signal.SIGHUP)
            await hear(manager, "RELOADING=1")
            await hear(manager, "READY=1")
        finally:
            assert await gateway.stop() == 0
        assert await hear(manager, "STOPPING=1")


async def hear(manager: socket.socket, wanted: str) -> list[str]:
    """Take messages until one has a line; gives all of them."""
    heard: list[str] = []
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(60.0):
        while not any(wanted in text.split("\n") for text in heard):
            heard.append((await loop.sock_recv(manager, 4096)).decode())
    return heard
