"""What we take, nginx in front of us takes as the same requests: nothing can be smuggled.

nginx is asked about each case of the corpus that we take, and about mutants. Where nginx is more
generous than we are, we refuse and close, and that is the intention.
"""

import asyncio
import random
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.support.edge import Script, Serving, serving
from tests.support.processes import free_port
from tests.support.wire_corpus import NEXT, cases, chunked, get, post

from hx_gateway.transport.server import Edge

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed"),
]

Seen = list[tuple[str, str, bytes]]
_CONFIG = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  large_client_header_buffers 4 32k; client_max_body_size 1k;
  server {{
    listen 127.0.0.1:{port};
    location / {{ proxy_pass http://127.0.0.1:{behind}; proxy_http_version 1.1;
                  proxy_set_header Connection ""; }}
  }}
}}
"""


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
async def nginx_before(behind: int, folder: Path) -> AsyncIterator[int]:
    """Run nginx in front of a port; gives its own."""
    port = free_port()
    config = folder / "nginx.conf"
    config.write_text(_CONFIG.format(folder=folder, port=port, behind=behind))
    command = ("nginx", "-c", str(config), "-e", str(folder / "error.log"))
    process = await asyncio.create_subprocess_exec(*command)
    try:
        for _ in range(100):
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                break
        yield port
    finally:
        process.terminate()
        await process.wait()


async def asked(
    script: Script, served: Serving, raw: bytes, expected: int = 0
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
            patience_s = 0.15 if len(script.requests) >= expected else 2.0
            piece = await client.receive(timeout_s=patience_s)
            if not piece:
                break
            answers += piece
    except (TimeoutError, ConnectionError):
        pass
    await client.close()
    return [(method, path, body) for method, path, _, body in script.seen], answers


@pytest.mark.parametrize("seed", [1, 2])
async def test_what_is_taken_is_the_same_behind_nginx(tmp_path: Path, seed: int) -> None:
    script = Script()
    taken = 0
    async with serving(script) as direct, nginx_before(direct.port, tmp_path) as port:
        through = Serving(Edge(script, direct.edge.settings), port)
        for raw in [*(case.raw for case in cases() if not case.status), *mutants(seed)]:
            ours, answers = await asked(script, direct, raw)
            if not ours:
                continue
            taken += 1
            theirs, _ = await asked(script, through, raw, len(ours))
            both = min(len(ours), len(theirs))  # either may refuse what comes next, and close
            assert theirs[:both] == ours[:both], raw
            if len(theirs) > both:
                assert b"connection: close" in answers, raw
    assert taken > 50  # or the comparison says nothing
