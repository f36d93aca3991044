"""Answers in pieces: segments, heartbeats, back-pressure, and every way they can end."""

import asyncio

import msgspec
import pytest
from tests.support.edge import Handler, Pieces, Script, serving, streaming, until

from hx_gateway.core.http import Early, Request, Response
from hx_gateway.core.snapshot import ServerSettings

GET = b"GET /s HTTP/1.1\r\nHost: a\r\n\r\n"
BEAT = b": ping\n\n"
QUICK = ServerSettings(heartbeat_interval=0.1, write_timeout=0.3)


async def test_head_and_first_event_arrive_in_one_segment() -> None:
    go = asyncio.Event()
    pieces = Pieces(b"data: 1\n\n", go, b"data: 2\n\n")
    async with serving(Script(s=streaming(pieces))) as served:
        client = await served.connect()
        client.send(GET)
        first = await client.receive()
        assert first.startswith(b"HTTP/1.1 200 ")
        assert first.endswith(b"\r\n\r\n9\r\ndata: 1\n\n\r\n")
        go.set()
        assert await client.until(b"0\r\n\r\n") == b"9\r\ndata: 2\n\n\r\n0\r\n\r\n"
        assert len(pieces.closed_at) == 1


async def test_connection_is_kept_after_a_stream() -> None:
    async with serving(Script(s=streaming(Pieces(b"one", b"t" * 100_000)))) as served:
        client = await served.connect()
        client.send(GET + GET)
        assert (await client.answer()).body == b"one" + b"t" * 100_000
        assert (await client.answer()).body == b"one" + b"t" * 100_000


async def test_empty_stream_is_a_proper_answer() -> None:
    async with serving(Script(s=streaming(Pieces()))) as served:
        client = await served.connect()
        client.send(GET)
        answer = await client.answer()
        assert (answer.status, answer.body) == (200, b"")


async def test_heartbeats_come_only_while_nothing_else_does() -> None:
    """The interval is long beside the pauses of one that is busy, and short beside the other's."""
    first, second = asyncio.Event(), asyncio.Event()
    script = Script(
        busy=streaming(Pieces(*[step for _ in range(50) for step in (b"x", 0.02)]), BEAT),
        quiet=streaming(Pieces(first, b"x", second, b"y"), BEAT),
        s=streaming(Pieces(0.5, b"x", 0.5, b"y")),
    )
    patient = msgspec.structs.replace(QUICK, heartbeat_interval=0.4)
    async with serving(script, patient) as served:
        for path in (b"/busy", b"/s"):
            client = await served.connect()
            client.send(GET.replace(b"/s", path))
            assert BEAT not in (await client.answer()).body
        served.edge.settings = QUICK
        client = await served.connect()
        client.send(GET.replace(b"/s", b"/quiet"))
        for go, said in ((first, b"1\r\nx\r\n"), (second, b"1\r\ny\r\n")):
            for _ in range(3):
                assert said not in await client.until(BEAT)
            go.set()
            await client.until(said)


async def test_heartbeat_before_the_first_event_brings_the_head() -> None:
    script = Script(s=streaming(Pieces(None), b": ping\n\n"))
    async with serving(script, QUICK) as served:
        client = await served.connect()
        client.send(GET)
        assert (await client.until(BEAT)).startswith(b"HTTP/1.1 200 ")


def early(result: Response | None, go: asyncio.Event) -> Handler:
    """Make a handler that says how to begin, and has an answer only when it is told to go."""

    async def handler(request: Request) -> Response:
        kind = (b"content-type", b"text/event-stream")
        request.early = Early([kind], BEAT, lambda _: b"data: stopping\n\n")
        await go.wait()
        return result or Response(200, headers=[kind], chunks=Pieces(b"x"), heartbeat=BEAT)

    return handler


async def test_a_stream_begins_by_itself_when_its_answer_is_long_in_coming() -> None:
    go = asyncio.Event()
    async with serving(Script(s=early(None, go)), QUICK) as served:
        client = await served.connect()
        for _ in range(2):
            go.clear()
            client.send(GET)
            head = await client.until(BEAT)
            assert head.startswith(b"HTTP/1.1 200 ")
            assert b"content-type: text/event-stream\r\n" in head
            await client.until(BEAT)
            go.set()
            rest = (await client.until(b"0\r\n\r\n")).removeprefix(b"\r\n")
            assert rest.replace(b"8\r\n" + BEAT + b"\r\n", b"") == b"1\r\nx\r\n0\r\n\r\n"


async def test_an_answer_that_is_soon_there_is_not_begun_early() -> None:
    go = asyncio.Event()
    patient = msgspec.structs.replace(QUICK, heartbeat_interval=5.0)
    async with serving(Script(s=early(Response(503, b"no"), go)), patient) as served:
        client = await served.connect()
        client.send(GET)
        asyncio.get_running_loop().call_later(0.01, go.set)
        assert ((await client.answer()).status, served.edge.live_requests) == (503, 0)


async def test_a_stream_that_has_begun_and_gets_no_stream_is_cut() -> None:
    go = asyncio.Event()
    async with serving(Script(s=early(Response(500, b"oops"), go)), QUICK) as served:
        client = await served.connect()
        client.send(GET)
        received = await client.until(BEAT)
        go.set()
        while piece := await client.receive():
            received += piece
        assert b"200 OK" in received
        assert b"oops" not in received
        assert not received.endswith(b"0\r\n\r\n")


async def test_a_stream_that_waits_for_its_answer_ends_with_its_last_words_at_a_stop() -> None:
    async with serving(Script(s=early(None, asyncio.Event())), QUICK) as served:
        client = await served.connect()
        client.send(GET)
        await client.until(BEAT)
        await served.edge.drain(0.05)
        assert b"data: stopping\n\n\r\n0\r\n\r\n" in await client.until(b"0\r\n\r\n")


async def test_producer_waits_for_a_reader_that_does_not_read() -> None:
    pieces = Pieces(*[b"x" * 10_000] * 5000)
    script = Script(s=streaming(pieces))
    async with serving(script, msgspec.structs.replace(QUICK, write_timeout=60.0)) as served:
        client = await served.connect(receive_buffer=4096)
        client.send(GET)
        await client.receive(100)
        given = -1
        while given != pieces.given:
            given = pieces.given
            await asyncio.sleep(0.2)
        assert given < 1000  # what the kernel took, and 64 KiB of ours
        waiting = max(c._transport.get_write_buffer_size() for c in served.edge._state.connections)  # type: ignore[attr-defined]
        assert waiting <= 64 * 1024 + 10_100
        while pieces.given == given:
            await client.receive(100_000)


async def test_reader_that_takes_nothing_is_cut_and_the_producer_closed() -> None:
    pieces = Pieces(*[b"x" * 10_000] * 5000)
    async with serving(Script(s=streaming(pieces)), QUICK) as served:
        client = await served.connect(receive_buffer=4096)
        client.send(GET)
        await until(lambda: bool(served.edge.open_connections))
        await until(lambda: served.edge.open_connections == 0)
        await until(lambda: len(pieces.closed_at) == 1)


@pytest.mark.parametrize("steps", [(b"one", None), (None,)], ids=["after first", "before first"])
async def test_client_that_leaves_closes_the_chunks_within_100_ms(
    steps: tuple[bytes | None, ...],
) -> None:
    pieces = Pieces(*steps)
    script = Script(s=streaming(pieces))
    async with serving(script) as served:
        client = await served.connect()
        client.send(GET)
        await script.entered.wait()
        await asyncio.sleep(0.02)
        left = asyncio.get_running_loop().time()
        await client.close()
        await until(lambda: bool(pieces.closed_at))
        assert pieces.closed_at[0] - left < 0.5


async def test_stream_that_breaks_has_no_end_mark(caplog: pytest.LogCaptureFixture) -> None:
    pieces = Pieces(b"one", 0.05, ValueError("broken"))
    async with serving(Script(s=streaming(pieces))) as served:
        client = await served.connect()
        client.send(GET)
        data = await client.rest()
        assert b"one" in data
        assert not data.endswith(b"0\r\n\r\n")
        assert len(pieces.closed_at) == 1
        assert "request failed" in caplog.text


async def test_stream_that_ends_well_is_the_control_of_the_one_above() -> None:
    async with serving(Script(s=streaming(Pieces(b"one", 0.05)))) as served:
        client = await served.connect()
        client.send(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        assert (await client.rest()).endswith(b"0\r\n\r\n")


async def test_shorter_times_count_at_once() -> None:
    """A gateway's first stream had no heartbeats: the ticker slept by the settings of the boot."""
    took = []
    for _ in range(3):  # each of which was too late
        async with serving(Script(s=early(None, asyncio.Event()))) as served:
            await asyncio.sleep(0.05)
            served.edge.settings = QUICK
            client = await served.connect()
            client.send(GET)
            began = asyncio.get_running_loop().time()
            await client.until(BEAT)
            took.append(asyncio.get_running_loop().time() - began)
    assert min(took) < 0.4
