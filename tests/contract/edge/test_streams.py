"""Answers in pieces: segments, heartbeats, back-pressure, and every way they can end."""

import asyncio

import msgspec
import pytest
from tests.support.edge import Handler, Pieces, Script, serving, streaming, until

from hx_gateway.core.http import Early, Request, Response
from hx_gateway.core.snapshot import ServerSettings

GET = b"GET /s HTTP/1.1\r\nHost: a\r\n\r\n"
QUICK = ServerSettings(heartbeat_interval=0.1, write_timeout=0.3)


async def test_head_and_first_event_arrive_in_one_segment() -> None:
    pieces = Pieces(b"data: 1\n\n", 0.2, b"data: 2\n\n")
    async with serving(Script(s=streaming(pieces))) as served:
        client = await served.connect()
        client.send(GET)
        first = await client.receive()
        assert first.startswith(b"HTTP/1.1 200 ")
        assert first.endswith(b"\r\n\r\n9\r\ndata: 1\n\n\r\n")
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
    beat = b": ping\n\n"
    busy = Pieces(*[step for _ in range(10) for step in (b"x", 0.05)])
    quiet = Pieces(0.35, b"x", 0.25, b"y")
    script = Script(busy=streaming(busy, beat), quiet=streaming(quiet, beat), s=streaming(quiet))
    async with serving(script, QUICK) as served:
        for path, beats in ((b"/busy", 0), (b"/quiet", 5), (b"/s", 0)):
            client = await served.connect()
            client.send(GET.replace(b"/s", path))
            body = (await client.answer()).body
            # Two before the first event and two between: the ticker may be late, never early.
            assert (beats - 1 if beats else 0) <= body.count(beat) <= beats


async def test_heartbeat_before_the_first_event_brings_the_head() -> None:
    script = Script(s=streaming(Pieces(None), b": ping\n\n"))
    async with serving(script, QUICK) as served:
        client = await served.connect()
        client.send(GET)
        assert (await client.until(b": ping\n\n", 1.0)).startswith(b"HTTP/1.1 200 ")


def early(result: Response | None, seconds: float) -> Handler:
    """Make a handler that says how to begin, and has an answer only after some time."""

    async def handler(request: Request) -> Response:
        kind = (b"content-type", b"text/event-stream")
        request.early = Early([kind], b": ping\n\n", lambda: b"data: stopping\n\n")
        await asyncio.sleep(seconds)
        return result or Response(200, headers=[kind], chunks=Pieces(b"x"), heartbeat=b": ping\n\n")

    return handler


async def test_a_stream_begins_by_itself_when_its_answer_is_long_in_coming() -> None:
    async with serving(Script(s=early(None, 0.35)), QUICK) as served:
        client = await served.connect()
        client.send(GET + GET)
        for _ in range(2):
            answer = await client.answer()
            assert (answer.status, answer.headers["content-type"]) == (200, "text/event-stream")
            beats = answer.body.removesuffix(b"x").split(b": ping\n\n")
            assert len(beats) >= 3
            assert set(beats) == {b""}


async def test_an_answer_that_is_soon_there_is_not_begun_early() -> None:
    async with serving(Script(s=early(Response(503, b"no"), 0.01)), QUICK) as served:
        client = await served.connect()
        client.send(GET)
        assert ((await client.answer()).status, served.edge.live_requests) == (503, 0)


async def test_a_stream_that_has_begun_and_gets_no_stream_is_cut() -> None:
    async with serving(Script(s=early(Response(500, b"oops"), 0.3)), QUICK) as served:
        client = await served.connect()
        client.send(GET)
        received = b""
        while piece := await client.receive():
            received += piece
        assert b"200 OK" in received
        assert b"oops" not in received
        assert not received.endswith(b"0\r\n\r\n")


async def test_a_stream_that_waits_for_its_answer_ends_with_its_last_words_at_a_stop() -> None:
    async with serving(Script(s=early(None, 60.0)), QUICK) as served:
        client = await served.connect()
        client.send(GET)
        await client.until(b": ping\n\n")
        await served.edge.drain(0.05)
        assert b"data: stopping\n\n\r\n0\r\n\r\n" in await client.until(b"0\r\n\r\n")


async def test_producer_waits_for_a_reader_that_does_not_read() -> None:
    pieces = Pieces(*[b"x" * 10_000] * 5000)
    script = Script(s=streaming(pieces))
    async with serving(script, msgspec.structs.replace(QUICK, write_timeout=5.0)) as served:
        client = await served.connect(receive_buffer=4096)
        client.send(GET)
        await client.receive(100)
        await asyncio.sleep(0.2)
        given = pieces.given
        await asyncio.sleep(0.2)
        assert pieces.given == given < 1000  # what the kernel took, and 64 KiB of ours
        waiting = max(c._transport.get_write_buffer_size() for c in served.edge._state.connections)  # type: ignore[attr-defined]
        assert waiting <= 64 * 1024 + 10_100
        while pieces.given == given:
            await client.receive(100_000)


async def test_reader_that_takes_nothing_is_cut_and_the_producer_closed() -> None:
    pieces = Pieces(*[b"x" * 10_000] * 5000)
    async with serving(Script(s=streaming(pieces)), QUICK) as served:
        client = await served.connect(receive_buffer=4096)
        client.send(GET)
        await asyncio.sleep(1.2)
        assert served.edge.open_connections == 0
        assert len(pieces.closed_at) == 1


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
    async with serving(Script(s=early(None, 60.0))) as served:
        await asyncio.sleep(0.05)
        served.edge.settings = QUICK
        client = await served.connect()
        client.send(GET)
        began = asyncio.get_running_loop().time()
        await client.until(b": ping\n\n")
        assert asyncio.get_running_loop().time() - began < 0.4
