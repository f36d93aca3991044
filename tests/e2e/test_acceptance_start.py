"""Acceptance cases of the first moment (BOOT, LIFE), by their ids: cut off, prepared, doubled."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from tests.e2e.conftest import simple_config
from tests.e2e.test_dependencies import until_deps
from tests.support.absent import absent
from tests.support.certificate import server_context
from tests.support.fetch import fetch
from tests.support.postgres import PostgresServer
from tests.support.served import Gateway, running, until
from tests.support.upstream import Upstream
from tests.support.valkey import valkey_server

ASK = {"model": "chat-a", "messages": [{"role": "user", "content": "Return exactly the text: OK"}]}
SCHEMA_WORK = ("CREATE ", "ALTER ", "DROP ", "COMMENT ON", "GRANT ")
OFF: tuple[dict[str, str], ...] = (
    {},
    {"DISABLE_SCHEMA_UPDATE": "true"},
    {"USE_PRISMA_MIGRATE": "0"},
)
# Runs where there is no network but loopback, which has to be switched on first.
CUT_OFF = """
import fcntl, socket, struct, subprocess, sys, time, urllib.request
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_:
    up = struct.pack("16sh", b"lo", 0x1 | 0x40)  # IFF_UP, IFF_RUNNING
    fcntl.ioctl(any_, 0x8914, up)  # SIOCSIFFLAGS
try:
    socket.create_connection(("192.0.2.1", 80), timeout=5)
except OSError as error:
    print("outside:", error.errno)
began = time.monotonic()
process = subprocess.Popen(sys.argv[1:])
while True:
    try:
        answer = urllib.request.urlopen("http://127.0.0.1:4999/healthz", timeout=5)
        print("healthz:", answer.status)
        break
    except OSError:
        assert process.poll() is None, "it ended"
        assert time.monotonic() - began < 60, "nobody answers"
        time.sleep(0.05)
process.terminate()
print("ended:", process.wait(60))
"""


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as server:
        yield server


async def test_boot_03_it_starts_where_there_is_no_network(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path, config={})
    assert (await gateway.run("db", "upgrade")).code == 0
    apart = ["unshare", "--map-root-user", "--net"]
    tried = await asyncio.create_subprocess_exec(*apart, "true", stderr=subprocess.DEVNULL)
    if await tried.wait() != 0:
        absent("the right to make a network namespace")
    command = gateway.command("serve", "--port", "4999")
    ran = await asyncio.to_thread(
        subprocess.run,
        [*apart, sys.executable, "-c", CUT_OFF, *command],
        env=gateway.environment(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    told = [line for line in ran.stdout.splitlines() if line.startswith(("outside", "heal", "end"))]
    assert told == ["outside: 101", "healthz: 200", "ended: 0"], (
        ran.stdout + ran.stderr
    )  # ENETUNREACH


@pytest.mark.parametrize("env", OFF, ids=str)
async def test_boot_09_a_prepared_database_gets_no_schema_statement(
    tmp_path: Path, upstream: Upstream, postgres: PostgresServer, env: dict[str, str]
) -> None:
    env = {"DATABASE_URL": postgres.url(f"boot9-{len(str(env))}"), **env}
    gateway = Gateway(tmp_path, config=simple_config(upstream), env=env)
    before = len(postgres.log())
    assert (await gateway.run("db", "upgrade")).code == 0
    prepared = postgres.log()
    assert "CREATE TABLE" in prepared[before:], "the log shows schema work"
    gateway.start()
    try:
        await gateway.wait_ready()
        assert (await gateway.ask("/key/generate", json={})).status == 200
    finally:
        await gateway.stop()
    since = postgres.log()[len(prepared) :]
    assert [line for line in since.splitlines() if any(word in line for word in SCHEMA_WORK)] == []


async def test_boot_14_status_names_the_phase_and_is_0_only_for_serving(
    tmp_path: Path, upstream: Upstream
) -> None:
    with valkey_server() as valkey:
        gateway = Gateway(tmp_path, config=simple_config(upstream), env={"REDIS_URL": valkey.url()})
        assert await status(gateway) == (1, "stopped")
        gateway.start()
        try:
            await gateway.wait_ready()
            await until_deps(gateway, redis=True, qdrant=True)
            assert await status(gateway) == (0, "serving")
            valkey.kill()
            await until_deps(gateway, redis=False)
            assert await status(gateway) == (1, "degraded: redis")
            valkey.restart()
            await until_deps(gateway, redis=True, qdrant=True)
            assert await status(gateway) == (0, "serving")
        finally:
            await gateway.stop()
        assert await status(gateway) == (1, "stopped")


async def status(gateway: Gateway) -> tuple[int, str]:
    """What the command says, which is one line."""
    ran = await gateway.run("status")
    (line,) = ran.out.splitlines()
    return ran.code, line


async def test_life_01_a_start_is_done_when_the_port_answers(
    tmp_path: Path, upstream: Upstream
) -> None:
    """`systemctl start` returns with the message READY=1, and not before."""
    path = str(tmp_path / "notify")
    gateway = Gateway(tmp_path, config=simple_config(upstream), env={"NOTIFY_SOCKET": path})
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        manager.settimeout(60)
        gateway.start()
        try:
            while b"READY=1" not in await asyncio.to_thread(manager.recv, 4096):
                pass
            answer = await fetch(f"{gateway.url}/healthz")
            assert (answer.status, answer.json()["ok"]) == (200, True)
            assert (await gateway.ask("/v1/models")).status == 200
        finally:
            assert await gateway.stop() == 0


async def test_life_04_a_second_gateway_does_not_take_the_state_directory(
    tmp_path: Path, upstream: Upstream
) -> None:
    """It took the sockets of the local models and the pid file along when it ended."""
    config = simple_config(upstream)
    async with running(tmp_path, config=config) as first:
        second = Gateway(tmp_path, config=config)
        second.log_file = tmp_path / "second.log"
        second.start()
        await until(lambda: not second.alive, 60.0, "the second one ends")
        assert second.exit_code == 2
        assert f"process {first.pid}" in second.logs()
        assert str(tmp_path) in second.logs()
        assert (await first.run("reload")).code == 0
        assert (await first.ask("/v1/chat/completions", json=ASK)).status == 200


async def test_life_04_boot_14_one_that_drains_is_waited_for(
    tmp_path: Path, upstream: Upstream
) -> None:
    """A restart by hand: the old one finishes its streams while the new one has a port."""
    config = simple_config(upstream)
    first, second = Gateway(tmp_path, config=config), Gateway(tmp_path, config=config)
    first.start()
    upstream.gate.clear()
    try:
        await first.wait_ready()
        streamed = {**ASK, "stream": True}
        asking = asyncio.create_task(first.ask("/v1/chat/completions", json=streamed))
        await until(lambda: len(upstream.asked) == 1, 60.0, "asked")
        first.signal(signal.SIGTERM)
        await until(partial(is_ending, tmp_path), 60.0, "ending")
        second.start()
        await second.wait_live()
        code, line = await status(second)
        assert (code, line.split(":")[0]) == (1, "preparing")
        upstream.gate.set()
        assert (await asking).text.rstrip().endswith("data: [DONE]")
        await second.wait_ready()
        await until_deps(second, qdrant=True)
        assert await status(second) == (0, "serving")
    finally:
        upstream.gate.set()
        await first.stop()
        await second.stop()


def is_ending(state: Path) -> bool:
    return "ending" in (state / "hx-gateway.lock").read_text()


async def test_boot_14_hlt_09_a_gateway_that_speaks_tls_is_no_stopped_one(
    tmp_path: Path, upstream: Upstream
) -> None:
    """`status` said "stopped", and `doctor` that another program had the port."""
    _, certificate = server_context(tmp_path)
    env = {
        "SSL_CERTFILE_PATH": str(certificate),
        "SSL_KEYFILE_PATH": str(certificate.with_suffix(".key")),
    }
    gateway = Gateway(tmp_path / "s", config=simple_config(upstream), env=env)
    gateway.start()
    try:
        await until(lambda: "status: serving" in gateway.logs(), 60.0, "serving")
        assert await status(gateway) == (0, "serving")
        for verb in ("doctor", "smoke"):
            ran = await gateway.run(verb, "--json")
            assert ran.code == 0, ran.out
            found = {one["name"]: one["verdict"] for one in json.loads(ran.out)["findings"]}
            assert found["port"] == "ok"
        assert (await gateway.run("nodes", "list", "--json")).code == 0
        body = tmp_path / "body.json"
        body.write_text(json.dumps(ASK))
        explained = await gateway.run("explain", "--request", str(body))
        assert (explained.code, explained.err) == (0, "")
    finally:
        await gateway.stop()


async def test_life_06_a_broken_or_missing_configuration_is_pending_too(
    tmp_path: Path, upstream: Upstream
) -> None:
    """The state directory may stand in the env file, which is all that can be read then."""
    env_file = tmp_path / "gateway.env"
    env_file.write_text(f"HX_STATE_DIR={tmp_path / 'elsewhere'}\n")
    env_file.chmod(0o600)
    named = ("--env-file", str(env_file))
    config = simple_config(upstream)
    async with running(tmp_path / "s", config=config, arguments=named) as gateway:
        await until_deps(gateway, qdrant=True)
        assert (await gateway.run("status", *named)).out == "serving\n"
        loaded = (tmp_path / "elsewhere" / "hx-gateway.pid").stat().st_mtime
        gateway.configure("model_list: [")
        os.utime(gateway.config_file, (loaded + 2, loaded + 2))
        assert (await gateway.run("status", *named)).out == "serving (reload pending)\n"
        assert (await gateway.run("reload", *named)).code == 2
        arguments = gateway.command("status", *named)
        gateway.config_file.unlink()
        gone = await asyncio.create_subprocess_exec(
            *arguments,
            stdout=subprocess.PIPE,
            env={**gateway.environment(), "PORT": str(gateway.port)},
        )
        out, _ = await gone.communicate()
        assert (out, gone.returncode) == (b"serving (reload pending)\n", 0)
        assert (await gateway.ask("/v1/models")).status == 200


@pytest.mark.parametrize("where", ["> /dev/full 2>&1", "<&- >&- 2>&-"])
async def test_life_01_it_serves_where_nothing_can_be_said(
    tmp_path: Path, upstream: Upstream, where: str
) -> None:
    """A log file on a full disk, or closed streams, ended the start; the latter with SIGABRT."""
    gateway = Gateway(tmp_path, config=simple_config(upstream))
    command = gateway.command("serve", "--port", str(gateway.port))
    gateway.process = subprocess.Popen(  # noqa: ASYNC220 - returns at once
        ["sh", "-c", f'exec "$0" "$@" {where}', *command],
        cwd=tmp_path,
        env=gateway.environment(),
    )
    gateway.log_file.touch()
    try:
        await gateway.wait_ready()
        assert (await gateway.ask("/v1/chat/completions", json=ASK)).status == 200
    finally:
        assert await gateway.stop() == 0
