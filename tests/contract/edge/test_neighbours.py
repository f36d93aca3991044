"""What we take, a proxy in front of us takes as the same requests: nothing can be smuggled.

The proxy is asked about each case of the corpus that we take, and about mutants. Where it is more
generous than we are, we refuse and close, and that is the intention.
"""

import asyncio
import random
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.support.absent import absent
from tests.support.edge import Script, Serving, serving
from tests.support.processes import free_port
from tests.support.wire_corpus import NEXT, cases, chunked, get, post

from hx_gateway.transport.server import Edge

pytestmark = pytest.mark.slow

Seen = list[tuple[str, str, bytes]]
Lane = tuple[int, int]  # the port in front, and ours behind it
LANES = 16  # cases asked at once: most of the time is waiting for what does not come
PATIENCE_S = 0.15  # for more requests than expected


class Proxy(NamedTuple):
    """A program that stands in front of others, and what it must be told."""

    name: str
    command: Callable[[Path], tuple[str, ...]]
    config: Callable[[Path, list[Lane]], str]


def _nginx(folder: Path, lanes: list[Lane]) -> str:
    servers = "".join(
        f"""server {{ listen 127.0.0.1:{port};
              location / {{ proxy_pass http://127.0.0.1:{behind}; proxy_http_version 1.1;
                            proxy_set_header Connection ""; }} }}
         """
        for port, behind in lanes
    )
    return f"""
      daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
      events {{ worker_connections 256; }}
      http {{
        access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
        fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
        large_client_header_buffers 4 32k; client_max_body_size 1k;
        {servers}
      }}
    """


def _haproxy(folder: Path, lanes: list[Lane]) -> str:
    listeners = "".join(
        f"listen lane{port}\n  bind 127.0.0.1:{port}\n  server ours 127.0.0.1:{behind}\n"
        for port, behind in lanes
    )
    return f"""
defaults
  mode http
  timeout client 20s
  timeout server 20s
  timeout connect 5s
  http-reuse always
{listeners}"""


PROXIES = [
    Proxy("nginx", lambda file: ("nginx", "-c", str(file), "-e", f"{file}.log"), _nginx),
    Proxy("haproxy", lambda file: ("haproxy", "-db", "-q", "-f", str(file)), _haproxy),
]
MUTANTS = 400
_NOISE = [
    b"\r", b"\n", b"\r\n", b" ", b"\t", b"\x00", b"\x0b", b":", b";", b",", b"0", b"3", b"\xa0",
    b"Transfer-Encoding: chunked\r\n", b"Content-Length: 3\r\n", b"\r\n\r\n", b"chunked", b"_",
]  # fmt: skip
_BASES = [
    get() + NEXT,
    post(b"abc" + NEXT, b"Content-Length: 3"),
    chunked(b"3\r\nabc\r\n0\r\n\r\n" + NEXT),
    chunked(b"3;a=b\r\nabc\r\n0\r\nA: b\r\n\r\n" + NEXT),
]


def mutants(seed: int) -> list[bytes]:
    """Put noise into, take bytes out of, or double bytes of proper requests."""
    chance = random.Random(seed)
    found = []
    for _ in range(MUTANTS):
        raw = chance.choice(_BASES)
        at, size = chance.randrange(len(raw)), chance.randrange(1, 4)
        kept = raw[at:] if chance.random() < 0.6 else raw[at + size :]
        found.append(raw[:at] + chance.choice([*_NOISE, b"", raw[at : at + size]]) + kept)
    return found


@asynccontextmanager
async def before(proxy: Proxy, behind: list[int], folder: Path) -> AsyncIterator[list[int]]:
    """Run a proxy in front of ports; gives its own."""
    lanes = [(free_port(), port) for port in behind]
    config = folder / f"{proxy.name}.conf"
    config.write_text(proxy.config(folder, lanes))
    process = await asyncio.create_subprocess_exec(*proxy.command(config))
    try:
        async with asyncio.timeout(30):
            for port, _ in lanes:
                while not await _answers(port):
                    assert process.returncode is None, "it ended"
                    await asyncio.sleep(0.05)
        yield [port for port, _ in lanes]
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


async def asked(
    script: Script, served: Serving, raw: bytes, expected: int, patience_s: float
) -> tuple[Seen, bytes]:
    """Send bytes; tell which requests the application saw, and what came back.

    Waits long for the expected number of requests, and a little for more.
    """
    script.requests.clear()
    answers = b""
    client = await served.connect()
    client.send(raw)
    try:
        while True:
            is_enough = len(script.requests) >= expected
            piece = await client.receive(timeout_s=patience_s if is_enough else 3.0)
            if not piece:
                break
            answers += piece
    except (TimeoutError, ConnectionError):
        pass
    await client.close()
    return [(method, path, body) for method, path, _, body in script.seen], answers


async def difference(
    script: Script, direct: Serving, through: Serving, raw: bytes, patience_s: float
) -> tuple[int, str]:
    """Tell how many requests both took, and what they took otherwise, if anything."""
    ours, answers = await asked(script, direct, raw, 0, patience_s)
    if not ours:
        return 0, ""
    theirs, _ = await asked(script, through, raw, len(ours), patience_s)
    both = min(len(ours), len(theirs))  # either may refuse what comes next, and close
    if theirs[:both] != ours[:both]:
        return both, f"{raw!r}: {ours} is {theirs} behind it"
    if len(theirs) > both and b"connection: close" not in answers:
        return both, f"{raw!r}: more behind it, {theirs}"
    return both, ""


async def drive(todo: list[bytes], script: Script, direct: Serving, through: Serving) -> int:
    """Take cases from the list until it is empty; gives of how many both took something."""
    compared = 0
    while todo:
        raw = todo.pop()
        both, problem = await difference(script, direct, through, raw, PATIENCE_S)
        if problem:  # or this machine was busy, and something came late
            both, problem = await difference(script, direct, through, raw, 20 * PATIENCE_S)
        assert not problem
        compared += both > 0
    return compared


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("proxy", PROXIES, ids=lambda proxy: proxy.name)
async def test_what_is_taken_is_the_same_behind_it(tmp_path: Path, proxy: Proxy, seed: int) -> None:
    if shutil.which(proxy.name) is None:
        absent(proxy.name)
    todo = [*(case.raw for case in cases() if not case.status), *mutants(seed)]
    async with AsyncExitStack() as stack:
        scripts = [Script() for _ in range(LANES)]
        direct = [await stack.enter_async_context(serving(script)) for script in scripts]
        ports = await stack.enter_async_context(
            before(proxy, [served.port for served in direct], tmp_path)
        )
        through = [
            Serving(Edge(script, served.edge.settings), port)
            for script, served, port in zip(scripts, direct, ports, strict=True)
        ]
        lanes = zip(scripts, direct, through, strict=True)
        compared = sum(await asyncio.gather(*(drive(todo, *lane) for lane in lanes)))
    assert compared > 50  # or it says nothing


async def test_a_proxy_that_reads_lengths_otherwise_is_found_out() -> None:
    """The control: what is compared does differ when somebody reads otherwise."""
    script = Script()
    raw = post(b"abc" + NEXT, b"Content-Length: 3")

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, onward = await asyncio.open_connection("127.0.0.1", direct.port)
        onward.write((await reader.readuntil(NEXT)).replace(b"Length: 3", b"Length: 2"))
        await onward.drain()
        await reader.read()  # until the client goes
        for end in (onward, writer):
            end.close()
            await end.wait_closed()

    async with serving(script) as direct, await asyncio.start_server(relay, "127.0.0.1") as server:
        through = Serving(direct.edge, server.sockets[0].getsockname()[1])
        _, problem = await difference(script, direct, through, raw, PATIENCE_S)
    assert "is [('POST', '/a', b'ab')" in problem
