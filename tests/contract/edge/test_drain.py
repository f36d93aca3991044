"""The end of a server: nobody who was promised an answer loses it."""

import asyncio

import pytest
from tests.support.edge import Farewell, Pieces, Script, serving, streaming, until

from hx_gateway.core.http import Request, Response

GET = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"


async def test_live_requests_end_and_idle_connections_are_closed() -> None:
    async def slow(request: Request) -> Response:
        await asyncio.sleep(0.3)
        return Response(200, b"done")

    script = Script(a=slow)
    async with serving(script) as served:
        idle, live = await served.connect(), await served.connect()
        idle.send(GET.replace(b"/a", b"/other"))
        await idle.answer()
        live.send(GET)
        await script.entered.wait()
        draining = asyncio.ensure_future(served.edge.drain(60.0))
        assert await idle.rest() == b""
        answer = await live.answer()
        assert (answer.body, answer.headers["connection"]) == (b"done", "close")
        await draining
        assert served.edge.open_connections == 0


async def test_drain_of_an_idle_server_is_quick_and_refuses_new_connections() -> None:
    async with serving(Script()) as served:
        await asyncio.wait_for(served.edge.drain(60.0), 10.0)
        with pytest.raises(ConnectionRefusedError):
            await served.connect()


async def test_client_that_connected_just_before_is_still_served() -> None:
    async with serving(Script()) as served:
        client = await served.connect()
        await until(lambda: served.edge.open_connections == 1)
        draining = asyncio.ensure_future(served.edge.drain(5.0))
        await asyncio.sleep(0.1)
        client.send(GET)
        answer = await client.answer()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        await draining


async def test_stream_over_the_deadline_ends_with_its_last_words() -> None:
    pieces = Farewell(b"data: 1\n\n", None)
    async with serving(Script(a=streaming(pieces))) as served:
        client = await served.connect()
        client.send(GET)
        await client.until(b"data: 1\n\n\r\n")
        draining = asyncio.ensure_future(served.edge.drain(0.2))
        assert await client.rest() == b"b\r\ndata: bye\n\n\r\n0\r\n\r\n"
        await draining
        assert len(pieces.closed_at) == 1


async def test_stream_without_last_words_is_cut_without_an_end_mark() -> None:
    pieces = Pieces(b"data: 1\n\n", None)
    async with serving(Script(a=streaming(pieces))) as served:
        client = await served.connect()
        client.send(GET)
        await client.until(b"data: 1\n\n\r\n")
        await served.edge.drain(0.1)
        assert await client.rest() == b""
        assert len(pieces.closed_at) == 1


async def test_request_over_the_deadline_gets_503() -> None:
    async def endless(request: Request) -> Response:
        await asyncio.Event().wait()
        return Response(200)

    script = Script(a=endless)
    async with serving(script) as served:
        client = await served.connect()
        client.send(GET)
        await script.entered.wait()
        await served.edge.drain(0.1)
        answer = await client.answer()
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
        assert len(script.cancelled) == 1
