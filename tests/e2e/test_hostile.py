"""Bytes that mean harm: refused soon, for little processor time and memory, while others are served."""

import asyncio
import contextlib
import gzip
import math
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any, NamedTuple

import msgspec
import pytest
import pytest_asyncio
from tests.e2e.conftest import simple_config
from tests.support.lag import lag
from tests.support.listener import Asked, Listener, Wire
from tests.support.process_watch import cpu_s, loop_cpu_s, peak_mib, reset_peak
from tests.support.served import MASTER_KEY, Gateway, running
from tests.support.upstream import Upstream

pytestmark = pytest.mark.asyncio(loop_scope="module")

MAX_CPU_S = 0.05
CPU_NOISE_S = 0.1  # ticks of 10 ms, what else the gateway does, and slower processors
MAX_MIB = 16
MAX_LAG_MS = 500  # of a busy machine; the aim of 50 is judged by processor time
INPUTS = 2048
CHAT = b'{"model":"chat-a","messages":[{"role":"user","content":"'


class Hostile(NamedTuple):
    """Bytes for a connection, sent as far as they are taken, and the status of the answer."""

    name: str
    head: bytes
    pieces: Iterable[bytes]
    status: int

    def __str__(self) -> str:
        return self.name


def head(*lines: str, path: str = "/v1/chat/completions") -> bytes:
    all_ = [f"POST {path} HTTP/1.1", "Host: gateway", f"Authorization: Bearer {MASTER_KEY}", *lines]
    return ("\r\n".join(all_) + "\r\n\r\n").encode()


def sized(body: bytes) -> bytes:
    return head(f"Content-Length: {len(body)}", "Content-Type: application/json")


def endless(piece: bytes, count: int) -> Iterable[bytes]:
    return (piece,) * count


def deep(opening: bytes, closing: bytes, depth: int) -> bytes:
    return CHAT + b'x"}],"deep":' + opening * depth + closing * depth + b"}"


CHUNK = b"10000\r\n" + b"x" * 65536 + b"\r\n"
CHUNKED = head("Transfer-Encoding: chunked")
OPEN = head()[:-2]  # without the empty line that ends it
WIRE = [
    Hostile("10 GiB announced", head("Content-Length: 10737418240"), (), 413),
    Hostile("endless chunks", CHUNKED, endless(CHUNK, 10**5), 413),
    Hostile("tiny chunks", CHUNKED, endless(b"1\r\nx\r\n" * 4000, 1000), 400),
    Hostile("100000 headers", OPEN, endless(b"A: b\r\n" * 1000, 100), 431),
    # Less than the edge reads and drops: beyond that it resets, and the answer may be lost.
    Hostile("an endless header", OPEN + b"A: ", endless(b"b" * 65536, 100), 431),
    Hostile("an endless request line", b"GET /", endless(b"a" * 65536, 100), 414),
    Hostile("gzip", head("Content-Length: 9", "Content-Encoding: gzip"), (b"x" * 9,), 415),
]
BODIES = {
    "a million lists, unclosed": deep(b"[", b"", 10**6),
    "a million objects, unclosed": deep(b'{"a":', b"", 10**6),
    "a million lists": deep(b"[", b"]", 10**6),
    "70 levels, a few thousand times": CHAT
    + b'x"}],"deep":['
    + b",".join([b"[" * 70 + b"]" * 70] * 7000)
    + b"]}",
    "300000 empty lists": CHAT + b'x"}],"deep":[' + b",".join([b"[]"] * 300_000) + b"]}",
    "20000 fields": CHAT + b'x"}],' + b",".join(b'"k%d":1' % n for n in range(20_000)) + b"}",
}
CASES = [*WIRE, *[Hostile(name, sized(body), (body,), 400) for name, body in BODIES.items()]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hostile_gateway(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Gateway]:
    async with Upstream() as upstream:
        folder = tmp_path_factory.mktemp("gw") / "s"
        async with running(folder, config=simple_config(upstream)) as served:
            await asyncio.sleep(1.0)  # what it does at the start is not the request's
            yield served


async def send(gateway: Gateway, case: Hostile) -> int:
    """Send until it is taken no more; gives the status."""
    return await asyncio.to_thread(_send, gateway.port, case)


def _send(port: int, case: Hostile) -> int:
    """Two threads: an answer is read also when what is still being sent meets a reset."""
    with socket.create_connection(("127.0.0.1", port), timeout=60.0) as raw:
        pouring = threading.Thread(target=_pour, args=(raw, case))
        pouring.start()
        try:
            answer = b""
            while b"\r\n\r\n" not in answer:
                piece = raw.recv(65536)
                assert piece, f"cut after {answer!r}"
                answer += piece
        finally:
            with contextlib.suppress(OSError):
                raw.shutdown(socket.SHUT_RDWR)
            pouring.join()
    return int(answer.split(b" ", 2)[1])


def _pour(raw: socket.socket, case: Hostile) -> None:
    with contextlib.suppress(OSError):
        raw.sendall(case.head)
        for piece in case.pieces:
            raw.sendall(piece)


class Cost(NamedTuple):
    """What something took of the gateway."""

    cpu_s: float
    mib: float


async def cost(gateway: Gateway, doing: Callable[[], Awaitable[object]]) -> Cost:
    """The least that something takes in three tries: whatever else goes on only adds to it."""
    costs: list[Cost] = []
    for _ in range(3):
        reset_peak(gateway.pid)
        before_mib, before_s = peak_mib(gateway.pid), cpu_s(gateway.pid)
        await doing()
        costs.append(Cost(cpu_s(gateway.pid) - before_s, peak_mib(gateway.pid) - before_mib))
        if costs[-1].cpu_s <= MAX_CPU_S and costs[-1].mib <= MAX_MIB:
            break
    return Cost(min(each.cpu_s for each in costs), min(each.mib for each in costs))


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_it_is_refused_for_little(hostile_gateway: Gateway, case: Hostile) -> None:
    async def refused() -> None:
        assert await send(hostile_gateway, case) == case.status

    took = await cost(hostile_gateway, refused)
    assert took.cpu_s <= MAX_CPU_S + CPU_NOISE_S
    assert took.mib <= MAX_MIB


@pytest.mark.parametrize("key", ["", "Authorization: Bearer sk-wrong\r\n"])
async def test_a_stranger_is_answered_before_the_body(hostile_gateway: Gateway, key: str) -> None:
    """Symptom: 10 MiB were kept for a minute for each connection of anybody at all."""
    bare = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: gateway\r\n{key}"
        "Content-Length: 10000000\r\n\r\n"
    )
    assert await send(hostile_gateway, Hostile("stranger", bare.encode(), (CHAT,), 401)) == 401
    known = Hostile("known", head("Content-Length: 10000000"), (CHAT,), 0)
    with pytest.raises(TimeoutError):  # the control: this one is still expected to send the rest
        async with asyncio.timeout(0.3):
            await send(hostile_gateway, known)


async def test_bodies_of_strangers_take_no_memory(hostile_gateway: Gateway) -> None:
    pid = hostile_gateway.pid
    reset_peak(pid)
    before_mib = peak_mib(pid)
    bare = b"POST /v1/rag/upsert HTTP/1.1\r\nHost: gateway\r\nContent-Length: 10000000\r\n\r\n"
    stranger = Hostile("stranger", bare, endless(b" " * 65536, 90), 401)
    statuses = await asyncio.gather(*(send(hostile_gateway, stranger) for _ in range(20)))
    assert statuses == [401] * 20
    assert peak_mib(pid) - before_mib <= MAX_MIB


class Bombing(Listener):
    """An upstream that answers with a thousand times more than it sends; or takes what comes."""

    def __init__(self) -> None:
        super().__init__(self._handle)
        self.bomb = gzip.compress(b'{"a":"' + b" " * 64 * 2**20 + b'"}')

    async def _handle(self, asked: Asked, wire: Wire) -> None:
        if b"bomb" in asked.body[-200:]:
            await wire.answer(200, self.bomb, headers={"content-encoding": "gzip"})
            return
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": "ok"},
            "finish_reason": "stop",
        }
        vectors = [{"object": "embedding", "index": n, "embedding": [0.5]} for n in range(INPUTS)]
        is_chat = asked.path.endswith("completions")
        await wire.json(
            {"id": "c", "choices": [choice]} if is_chat else {"object": "list", "data": vectors}
        )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bombed_gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    async with Bombing() as upstream:
        params = {"model": "openai/m", "api_base": f"{upstream.url}/v1", "api_key": "sk-up"}
        models = [{"model_name": name, "litellm_params": params} for name in ("chat-a", "emb")]
        routing = {"disable_cooldowns": True, "num_retries": 0}
        options = {"model_list": models, "router_settings": routing}
        async with running(tmp_path_factory.mktemp("gw") / "s", config=options) as served:
            await asyncio.sleep(1.0)
            yield served


@pytest.mark.parametrize("stream", [False, True])
async def test_a_bomb_from_an_upstream_does_not_go_off(
    bombed_gateway: Gateway, stream: bool
) -> None:
    body = {"model": "chat-a", "messages": [{"role": "user", "content": "bomb"}], "stream": stream}

    async def bombed() -> None:
        answer = await bombed_gateway.ask("/v1/chat/completions", json=body)
        assert answer.status == 502

    took = await cost(bombed_gateway, bombed)
    assert took.cpu_s <= MAX_CPU_S + CPU_NOISE_S
    assert took.mib <= MAX_MIB


def largest(path: str) -> dict[str, Any]:
    """The largest request that is taken: nearly 10 MiB of text that looks like a program."""
    line = 'def f(a: list[dict[str, int]]) -> str:\n    return f"{a[0]}\\n" + \'{"x": [1, 2]}\'\n'
    if path == "/v1/embeddings":
        each = (line * 60)[: 7_500_000 // INPUTS]
        return {"model": "emb", "input": [each] * INPUTS}
    text = (line * 200_000)[:7_500_000]
    return {"model": "chat-a", "max_tokens": 9, "messages": [{"role": "user", "content": text}]}


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/v1/embeddings"])
async def test_the_largest_request_holds_nobody_up(
    bombed_gateway: Gateway, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    body = msgspec.json.encode(largest(path))
    assert 8_000_000 < len(body) < 10 * 2**20

    async def ask() -> None:
        for _ in range(3):
            assert (await bombed_gateway.ask(path, body=body)).status == 200
            await asyncio.sleep(0.2)

    worst_ms = await worst_wait(bombed_gateway, ask)
    with capsys.disabled():
        print(f"\n{path}: {len(body)} bytes, worst wait of others {worst_ms:.0f} ms")
    assert worst_ms <= MAX_LAG_MS


@pytest.mark.slow
async def test_no_hostile_request_takes_the_loop_for_50_ms(
    hostile_gateway: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    """All of its processor time is less, so each of its steps is, however busy the machine.

    Measured on two shared cores: 0.2 to 12 ms.
    """
    pid = hostile_gateway.pid
    for case in CASES:
        took: list[float] = []
        for _ in range(5):  # what the gateway does beside it is not the request's
            before = loop_cpu_s(pid)
            assert await send(hostile_gateway, case) == case.status
            took.append(loop_cpu_s(pid) - before)
        with capsys.disabled():
            print(f"\n{case}: {min(took) * 1000:.1f} ms of the loop", end="")
        assert min(took) <= 2 * MAX_CPU_S  # on a slower processor, too


@pytest.mark.slow
async def test_no_hostile_request_holds_anybody_up(
    hostile_gateway: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    for case in CASES:

        async def refused(case: Hostile = case) -> None:
            assert await send(hostile_gateway, case) == case.status
            await asyncio.sleep(0.1)

        worst_ms = await worst_wait(hostile_gateway, refused)
        with capsys.disabled():
            print(f"\n{case}: worst wait of others {worst_ms:.0f} ms", end="")
        assert worst_ms <= MAX_LAG_MS


async def worst_wait(gateway: Gateway, doing: Callable[[], Awaitable[object]]) -> float:
    """The worst wait of others beside something, in the best of five tries.

    Whoever blocks the gateway does so every time; the machine's own hiccups come and go.
    """
    best = math.inf
    for _ in range(5):
        async with lag(gateway.port, gateway.pid) as found:
            await doing()
        best = min(best, found.own[-1])
        if best <= MAX_LAG_MS:
            break
    return best
