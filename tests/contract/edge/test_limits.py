"""Sizes and times: what is refused, and that the same bytes pass when the limit is raised."""

import asyncio

import msgspec
import pytest
from tests.support.edge import Script, serving, until

from hx_gateway.core.http import BodyRule, Request, Response
from hx_gateway.core.snapshot import ServerSettings

SMALL = ServerSettings(
    max_request_line=64,
    max_header_bytes=512,
    max_header_count=8,
    max_header_value=128,
)
TIGHT = msgspec.structs.replace(
    SMALL,
    header_timeout=0.2,
    body_idle_timeout=0.2,
    body_timeout=0.5,
    keepalive_timeout=0.2,
    write_timeout=0.2,
)


def get(*lines: bytes, target: bytes = b"/a") -> bytes:
    head = b"GET " + target + b" HTTP/1.1\r\nHost: a\r\n"
    return head + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


SIZES = [
    ("max_request_line", get(target=b"/" + b"a" * 80), 414),
    ("max_header_bytes", get(*[b"A%d: " % i + b"b" * 100 for i in range(6)]), 431),
    ("max_header_count", get(*[b"A%d: b" % i for i in range(8)]), 431),
    ("max_header_value", get(b"A: " + b"b" * 129), 431),
]


@pytest.mark.parametrize(("limit", "raw", "status"), SIZES, ids=[s[0] for s in SIZES])
async def test_head_over_a_limit_is_refused_and_passes_when_it_is_raised(
    limit: str, raw: bytes, status: int
) -> None:
    async with serving(Script(), SMALL) as served:
        client = await served.connect()
        client.send(raw)
        assert (await client.answer()).status == status
        assert await client.rest() == b""
        served.edge.settings = msgspec.structs.replace(SMALL, **{limit: 10_000})
        client = await served.connect()
        client.send(raw)
        assert (await client.answer()).status == 200


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"GET /" + b"a" * 100, 414),
        (get()[:-2] + b"A: " + b"b" * 600, 431),
        (get()[:-2] + b"A: b\r\n" * 20, 431),
    ],
    ids=["line", "bytes", "count"],
)
async def test_head_that_never_ends_is_refused_before_it_has_arrived(
    raw: bytes, status: int
) -> None:
    async with serving(Script(), SMALL) as served:
        client = await served.connect()
        client.send(raw)
        assert (await client.answer()).status == status


async def test_slow_head_is_cut_on_time_even_when_bytes_keep_coming() -> None:
    async with serving(Script(), TIGHT) as served:
        client = await served.connect()
        began = asyncio.get_running_loop().time()
        raw = get(b"A: " + b"b" * 100)
        for byte in raw:
            client.send(bytes([byte]))
            await asyncio.sleep(0.01)
            if asyncio.get_running_loop().time() - began > 0.5:
                break
        assert (await client.answer()).status == 408
        patient = msgspec.structs.replace(TIGHT, header_timeout=60.0)
    async with serving(Script(), patient) as served:
        client = await served.connect()
        client.send(raw[:20])
        await asyncio.sleep(0.4)
        client.send(raw[20:])
        assert (await client.answer()).status == 200


async def test_silent_connection_is_closed_without_an_answer() -> None:
    async with serving(Script(), TIGHT) as served:
        fresh, kept = await served.connect(), await served.connect()
        kept.send(get())
        await kept.answer()
        assert await fresh.rest() == b""
        assert await kept.rest() == b""


POST = b"POST /a HTTP/1.1\r\nHost: a\r\n"


@pytest.mark.parametrize(
    "framing", [b"Content-Length: 100\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n64\r\n"]
)
async def test_body_that_stops_coming_is_cut(framing: bytes) -> None:
    async with serving(Script(), TIGHT) as served:
        client = await served.connect()
        client.send(POST + framing + b"abc")
        assert (await client.answer()).status == 408
        assert await client.rest() == b""


async def test_body_that_trickles_is_cut_at_its_total_time() -> None:
    async def send(client_count: int, settings: ServerSettings) -> int:
        async with serving(Script(), settings) as served:
            client = await served.connect()
            client.send(POST + b"Content-Length: 12\r\n\r\n")
            for _ in range(client_count):
                client.send(b"x")
                await asyncio.sleep(0.06)
            return (await client.answer()).status

    steady = msgspec.structs.replace(TIGHT, body_idle_timeout=5.0)
    assert await send(12, steady) == 408
    assert await send(12, msgspec.structs.replace(steady, body_timeout=60.0)) == 200


async def test_chunked_body_is_counted_while_it_comes() -> None:
    script = Script()
    script.max_bytes = 100_000
    async with serving(script, SMALL) as served:
        client = await served.connect()
        client.send(POST + b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(2):
            client.send(b"c350\r\n" + b"x" * 50_000 + b"\r\n")
        client.send(b"1\r\n")
        assert (await client.answer()).status == 413
        assert script.requests == []


async def test_flood_of_tiny_chunks_is_refused() -> None:
    script = Script()
    script.max_bytes = 10_000_000
    async with serving(script) as served:
        client = await served.connect()
        client.send(POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 20_000)
        assert (await client.answer()).status == 400


async def test_connections_over_the_limit_get_503() -> None:
    async with serving(Script(), msgspec.structs.replace(SMALL, max_connections=2)) as served:
        first, second = await served.connect(), await served.connect()
        for client in (first, second):
            client.send(get())
            await client.answer()
        third = await served.connect()
        answer = await third.answer()
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
        assert await third.rest() == b""
        await first.close()
        await until(lambda: served.edge.open_connections == 1)
        fourth = await served.connect()
        fourth.send(get())
        assert (await fourth.answer()).status == 200


async def test_client_that_takes_nothing_of_a_large_answer_is_cut() -> None:
    async def large(request: Request) -> Response:
        return Response(200, b"x" * 20_000_000)

    async with serving(Script(a=large), TIGHT) as served:
        client = await served.connect(receive_buffer=4096)
        client.send(get())
        await until(lambda: served.edge.live_requests == 1)
        await until(lambda: served.edge.open_connections == 0)
        await until(lambda: served.edge.live_requests == 0)


async def test_client_that_takes_slowly_is_not_cut() -> None:
    async def large(request: Request) -> Response:
        return Response(200, b"x" * 3_000_000)

    patient = msgspec.structs.replace(TIGHT, write_timeout=0.5)
    async with serving(Script(a=large), patient) as served:
        client = await served.connect(receive_buffer=65536)
        client.send(get())
        await client.until(b"\r\n\r\n")
        got = 0
        while got < 3_000_000:
            got += len(await client.receive(100_000))
            await asyncio.sleep(0.02)
        assert got == 3_000_000


async def test_client_that_takes_little_at_a_time_is_not_cut() -> None:
    """The kernel takes more of ours only when it has got rid of 64 KiB, which took such a client
    longer than it was given.
    """

    async def large(request: Request) -> Response:
        return Response(200, b"x" * 3_000_000)

    patient = msgspec.structs.replace(TIGHT, write_timeout=0.5)
    async with serving(Script(a=large), patient) as served:
        client = await served.connect(receive_buffer=2048)
        client.send(get())
        await client.until(b"\r\n\r\n")
        for _ in range(30):
            assert await client.receive(1000)
            await asyncio.sleep(0.05)
        assert served.edge.open_connections == 1


async def test_body_above_the_rule_is_refused_by_its_length_alone() -> None:
    script = Script()
    script.rules["/a"] = BodyRule(max_bytes=10)
    async with serving(script, SMALL) as served:
        client = await served.connect()
        client.send(POST + b"Content-Length: 10737418240\r\n\r\n")
        assert (await client.answer()).status == 413


REFUSED = [
    (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", 400),
    (b"GET / HTTP/3.0\r\n\r\n", 505),
    (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n", 413),
    (b"GET / HTTP/1.1\r\nHo", 408),
    *((raw, status) for _, raw, status in SIZES),
]


@pytest.mark.parametrize(("raw", "status"), REFUSED)
async def test_the_edge_tells_of_what_it_refuses(raw: bytes, status: int) -> None:
    """These never reach the application, so its log and metrics once knew nothing of them."""
    told: list[tuple[int, str, bytes]] = []
    async with serving(Script(), TIGHT if status == 408 else SMALL) as served:
        served.edge.on_refusal = lambda *refusal: told.append(refusal)
        client = await served.connect()
        client.send(raw)
        answer = await client.answer()
        assert answer.status == status
        assert [(one[0], one[2].decode()) for one in told] == [
            (status, answer.headers["x-request-id"])
        ]
        assert told[0][1]


async def test_the_edge_tells_nothing_of_what_it_lets_in() -> None:
    told: list[object] = []
    async with serving(Script(), SMALL) as served:
        served.edge.on_refusal = lambda *refusal: told.append(refusal)
        client = await served.connect()
        client.send(get())
        assert (await client.answer()).status == 200
    assert told == []


async def test_one_connection_too_many_is_told_too() -> None:
    told: list[tuple[int, str, bytes]] = []
    async with serving(Script(), msgspec.structs.replace(SMALL, max_connections=1)) as served:
        served.edge.on_refusal = lambda *refusal: told.append(refusal)
        await served.connect()
        await until(lambda: served.edge.open_connections == 1)
        assert (await (await served.connect()).answer()).status == 503
    assert [(status, code) for status, code, _ in told] == [(503, "too_many_connections")]
