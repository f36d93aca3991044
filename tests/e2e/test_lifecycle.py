"""From exec to exit: up first, honest while it waits, reloaded in place, drained at the end."""

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.e2e.conftest import simple_config
from tests.e2e.test_dependencies import LISTS
from tests.support.fetch import Answer
from tests.support.postgres import PostgresServer
from tests.support.served import MASTER_KEY, Gateway, running, until
from tests.support.upstream import Upstream

ASK = {
    "model": "chat-a",
    "messages": [{"role": "user", "content": "Return exactly the text: one two three four"}],
}


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as server:
        yield server


async def wait_for_status(gateway: Gateway, path: str, status: int, **options: Any) -> Answer:
    end = time.monotonic() + 60.0
    while (answer := await gateway.ask(path, **options)).status != status:
        assert time.monotonic() < end, f"{path}: {answer.status} {answer.text}"
        await asyncio.sleep(0.1)
    return answer


async def test_boot_04_adm_03_a_database_that_hangs_stops_nothing_but_what_needs_it(
    tmp_path: Path, upstream: Upstream, postgres: PostgresServer
) -> None:
    """Symptom elsewhere: active service, closed port, while the database was waited for."""
    gateway = Gateway(
        tmp_path, config=simple_config(upstream), env={"DATABASE_URL": postgres.url("hung")}
    )
    postgres.stop()
    gateway.start()
    try:
        await see_what_still_works(gateway)
    except BaseException:
        gateway.kill()
        raise
    finally:
        postgres.cont()
    try:
        await see_it_heal(gateway)
    finally:
        await gateway.stop()


async def see_what_still_works(gateway: Gateway) -> None:
    await gateway.wait_live()
    await wait_for_status(gateway, "/v1/models", 200)
    chat = await gateway.ask("/v1/chat/completions", json=ASK)
    assert chat.status == 200
    ready = await wait_for_status(gateway, "/readyz", 503)
    assert "PostgreSQL" in ready.text
    for path in LISTS:
        lists = await gateway.ask(path)
        error = lists.json()["error"]
        assert (lists.status, error["type"]) == (503, "dependency_unavailable")
        assert "PostgreSQL" in error["message"]
        assert lists.headers["retry-after"]
    unknown = await gateway.ask("/v1/models", key="sk-unknown-0123456789abcdef0123456789")
    assert unknown.status == 503


async def see_it_heal(gateway: Gateway) -> None:
    # It heals by itself: what is missing now is only the schema, which `serve` never makes.
    await until_text(gateway, "/readyz", "schema")
    ran = await gateway.run("db", "upgrade")
    assert ran.code == 0, ran.err
    await wait_for_status(gateway, "/readyz", 200)
    assert (await gateway.ask("/v1/keys")).status == 200
    await wait_for_status(gateway, "/v1/models", 401, key="sk-unknown-0123456789abcdef012345")


async def until_text(gateway: Gateway, path: str, text: str) -> None:
    end = time.monotonic() + 60.0
    while text not in (answer := await gateway.ask(path)).text:
        assert time.monotonic() < end, answer.text
        await asyncio.sleep(0.1)


async def test_serve_migrates_only_when_told(
    tmp_path: Path, upstream: Upstream, postgres: PostgresServer
) -> None:
    env = {"DATABASE_URL": postgres.url("told")}
    options: dict[str, Any] = {"config": simple_config(upstream), "env": env}
    gateway = Gateway(tmp_path / "a", **options)
    gateway.start()
    try:
        await gateway.wait_live()
        await until_text(gateway, "/readyz", "schema")
    finally:
        await gateway.stop()
    async with running(tmp_path / "b", arguments=("--migrate",), **options):
        pass  # it is ready


async def test_a_busy_port_is_an_error_and_never_another_port(
    tmp_path: Path, upstream: Upstream
) -> None:
    async with running(tmp_path / "a", config=simple_config(upstream)) as first:
        second = Gateway(tmp_path / "b", config=simple_config(upstream))
        second.port = first.port
        await ended(second)
        assert second.exit_code == 4
        assert str(first.port) in second.logs()
        assert "in use" in second.logs()


@pytest.mark.parametrize(
    ("config", "arguments", "key", "said"),
    [
        ("model_list: 5\n", (), MASTER_KEY, "model_list"),
        ("model_list: [\n", (), MASTER_KEY, "config.yaml"),
        ("general_settings: {master_key: '${UNSET_KEY}'}\n", (), None, "UNSET_KEY"),
        ("{}\n", (), "sk-1234", "LITELLM_MASTER_KEY"),
        ("{}\n", ("--host", "0.0.0.0"), None, "LITELLM_MASTER_KEY"),
        ("{}\n", ("--workers", "2"), MASTER_KEY, "--workers"),
    ],
)
async def test_a_bad_start_ends_with_2_and_says_why(
    tmp_path: Path, config: str, arguments: tuple[str, ...], key: str | None, said: str
) -> None:
    gateway = Gateway(tmp_path, config=config, arguments=arguments, key=key)
    await ended(gateway)
    assert gateway.exit_code == 2, gateway.logs()
    assert said in gateway.logs()
    assert "Traceback" not in gateway.logs()


async def test_a_generated_key_is_private_and_used_again(tmp_path: Path) -> None:
    keys = []
    for _ in range(2):
        async with running(tmp_path, key=None, config="model_list: []\n") as gateway:
            file = tmp_path / "master_key"
            keys.append(file.read_text().strip())
            assert file.stat().st_mode & 0o077 == 0
            await until(lambda: keys[-1] in gateway.logs(), 30.0, "the key is told")
    assert keys[0] == keys[1]


async def ended(gateway: Gateway) -> None:
    """Start one that does not start, and wait until it has given up."""
    gateway.start()
    try:
        await until(lambda: not gateway.alive, 60.0, "it refuses to start")
    finally:
        if gateway.alive:
            gateway.kill()


@pytest.fixture
async def opened() -> AsyncIterator[ExitStack]:
    """What a test opens and this closes."""
    with ExitStack() as stack:
        yield stack


async def events(gateway: Gateway, opened: ExitStack) -> asyncio.StreamReader:
    """Begin a stream and wait for its first event."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    opened.callback(writer.close)
    payload = msgspec.json.encode({**ASK, "stream": True})
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {MASTER_KEY}\r\n"
        f"Content-Length: {len(payload)}\r\n\r\n"
    )
    writer.write(head.encode() + payload)
    first = await reader.readuntil(b"\n\n")
    assert b"200" in first
    return reader


async def draining(gateway: Gateway) -> None:
    """Wait until it takes no new connections."""
    end = time.monotonic() + 60.0
    with contextlib.suppress(ConnectionError):  # refused or reset, as the moment has it
        while True:
            _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
            writer.close()
            assert time.monotonic() < end
            await asyncio.sleep(0.02)


async def test_a_reload_swaps_the_routes_and_leaves_streams_alone(
    tmp_path: Path, upstream: Upstream, opened: ExitStack
) -> None:
    config = simple_config(upstream)
    async with running(tmp_path, config=config) as gateway:
        upstream.gate.clear()
        reader = await events(gateway, opened)
        config["model_list"] = config["model_list"][:1]
        gateway.configure(config)
        gateway.signal(signal.SIGHUP)
        await gone(gateway, "chat-b")
        gateway.configure("model_list: {\n")
        gateway.signal(signal.SIGHUP)
        await until(lambda: "reload refused" in gateway.logs(), 60.0, "the bad file is refused")
        upstream.gate.set()
        assert await reader.readuntil(b"[DONE]")  # through both reloads
        assert (await gateway.ask("/v1/models/chat-a")).status == 200


async def gone(gateway: Gateway, model: str) -> None:
    end = time.monotonic() + 60.0
    while (await gateway.ask(f"/v1/models/{model}")).status != 404:
        assert time.monotonic() < end
        await asyncio.sleep(0.05)


async def test_a_stop_lets_streams_finish_and_takes_no_new_ones(
    tmp_path: Path, upstream: Upstream, opened: ExitStack
) -> None:
    async with running(tmp_path, config=simple_config(upstream)) as gateway:
        upstream.gate.clear()
        streams = [await events(gateway, opened) for _ in range(20)]
        gateway.signal(signal.SIGTERM)
        await draining(gateway)
        assert gateway.alive
        upstream.gate.set()
        for reader in streams:
            assert b"[DONE]" in await reader.read()
        await until(lambda: not gateway.alive, 60.0, "it ends")
        assert gateway.exit_code == 0


@pytest.mark.parametrize("hurried", [False, True])
async def test_what_does_not_finish_in_time_ends_with_an_error_event(
    tmp_path: Path, upstream: Upstream, opened: ExitStack, hurried: bool
) -> None:
    config = simple_config(upstream, hx={"server": {"drain_timeout": 600.0 if hurried else 0.5}})
    async with running(tmp_path, config=config) as gateway:
        upstream.gate.clear()
        reader = await events(gateway, opened)
        gateway.signal(signal.SIGTERM)
        if hurried:
            await draining(gateway)
            gateway.signal(signal.SIGTERM)
        rest = await asyncio.wait_for(reader.read(), 60.0)
        assert rest.count(b'"error"') == 1
        assert b"gateway_shutdown" in rest
        assert b"[DONE]" not in rest
        await until(lambda: not gateway.alive, 60.0, "it ends")
        assert gateway.exit_code == 0
