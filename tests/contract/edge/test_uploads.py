"""Request bodies that are handed over while they arrive."""

import asyncio

import pytest
from tests.support.edge import RawClient, Script, serving

from hx_gateway.core.errors import RequestError
from hx_gateway.core.http import BodyRule, Request, Response
from hx_gateway.core.snapshot import ServerSettings

HEAD = b"POST /up HTTP/1.1\r\nHost: a\r\n"
QUICK = ServerSettings(body_idle_timeout=0.5, body_timeout=1.5)


def uploads(script: Script, max_bytes: int = 10_000_000) -> Script:
    script.rules["/up"] = BodyRule(max_bytes=max_bytes, streamed=True)
    return script


async def size_of(request: Request) -> Response:
    """Read all and tell how much, or which error."""
    assert request.stream is not None
    size = 0
    try:
        async for piece in request.stream:
            size += len(piece)
    except RequestError as error:
        return Response(error.http_status, error.message.encode())
    return Response(200, b"%d" % size)


@pytest.mark.parametrize(
    "body",
    [
        b"Content-Length: 300000\r\n\r\n" + b"x" * 300_000,
        b"Transfer-Encoding: chunked\r\n\r\n"
        + b"186a0\r\n%b\r\n" % (b"x" * 100_000) * 3
        + b"0\r\n\r\n",
        b"Content-Length: 0\r\n\r\n",
    ],
    ids=["sized", "chunked", "empty"],
)
async def test_body_arrives_whole_and_the_next_request_is_read(body: bytes) -> None:
    async with serving(uploads(Script(up=size_of))) as served:
        client = await served.connect()
        client.send((HEAD + body) * 2)
        for _ in range(2):
            assert (await client.answer()).body == (
                b"0" if body.endswith(b"0\r\n\r\n") and len(body) < 99 else b"300000"
            )


async def test_handler_starts_before_the_body_has_ended() -> None:
    script = uploads(Script(up=size_of))
    async with serving(script) as served:
        client = await served.connect()
        client.send(HEAD + b"Content-Length: 6\r\n\r\nabc")
        await script.entered.wait()
        client.send(b"def")
        assert (await client.answer()).body == b"6"


async def _pour(client: RawClient, size: int) -> None:
    for _ in range(size // 100_000):
        client.send(b"x" * 100_000)
        await client.writer.drain()


async def test_slow_handler_holds_the_client_back_and_is_not_charged_for_it() -> None:
    go = asyncio.Event()

    async def slow(request: Request) -> Response:
        await go.wait()
        return await size_of(request)

    async with serving(uploads(Script(up=slow), 50_000_000), QUICK) as served:
        client = await served.connect()
        client.send(HEAD + b"Content-Length: 20000000\r\n\r\n")
        pouring = asyncio.ensure_future(_pour(client, 20_000_000))
        await asyncio.sleep(1.8)  # longer than both deadlines
        assert not pouring.done()
        go.set()
        assert (await client.answer()).body == b"20000000"
        await pouring


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"Content-Length: 100\r\n\r\nabc", 408),
        (b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcXX", 400),
        (b"Transfer-Encoding: chunked\r\n\r\n3e9\r\n", 413),
        (b"Content-Length: 1001\r\n\r\n", 413),
    ],
    ids=["late", "garbled", "too large", "too large by length"],
)
async def test_what_is_wrong_with_the_body_reaches_the_client(sent: bytes, status: int) -> None:
    async with serving(uploads(Script(up=size_of), 1000), QUICK) as served:
        client = await served.connect()
        client.send(HEAD + sent)
        answer = await client.answer()
        assert (answer.status, answer.headers["connection"]) == (status, "close")
        assert await client.rest() == b""


async def test_handler_that_stops_reading_still_answers_and_the_connection_ends() -> None:
    async def enough(request: Request) -> Response:
        assert request.stream is not None
        async for _ in request.stream:
            break
        await request.stream.aclose()
        return Response(422, b"no")

    async with serving(uploads(Script(up=enough))) as served:
        client = await served.connect()
        client.send(HEAD + b"Content-Length: 1000000\r\n\r\n" + b"x" * 500_000)
        answer = await client.answer()
        assert (answer.status, answer.headers["connection"]) == (422, "close")
        assert await client.rest() == b""
