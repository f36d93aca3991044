"""One request after another on one connection."""

import asyncio

import pytest
from tests.support.edge import Pieces, Script, serving, streaming, until

from hx_gateway.core.http import BodyRule, Request, Response

GET = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
DENIED = Response(401, b'{"error":1}', [(b"content-type", b"application/json")])


def post(body: bytes, *lines: bytes, path: bytes = b"/a") -> bytes:
    head = b"POST " + path + b" HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n" % len(body)
    return head + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


async def test_connection_is_kept_and_answers_keep_their_order() -> None:
    async def slow(request: Request) -> Response:
        await asyncio.sleep(0.05)
        return Response(200, b"slow")

    script = Script(slow=slow)
    async with serving(script) as served:
        client = await served.connect()
        client.send(post(b"", path=b"/slow") + post(b"one") + post(b"two"))
        assert [(await client.answer()).body for _ in range(3)] == [b"slow", b"one", b"two"]
        client.send(post(b"three"))
        assert (await client.answer()).body == b"three"


@pytest.mark.parametrize("together", [True, False])
async def test_second_request_is_refused_with_an_answer_too(together: bool) -> None:
    """The connection used to close without a word when an earlier request had been answered."""
    async with serving(Script()) as served:
        client = await served.connect()
        client.send(post(b"one") + (b"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n" if together else b""))
        assert (await client.answer()).body == b"one"
        if not together:
            client.send(b"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await client.answer()).status == 400


async def test_pipelined_requests_are_served_one_at_a_time() -> None:
    running, most = 0, 0

    async def count(request: Request) -> Response:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        return Response(200)

    async with serving(Script(count=count)) as served:
        client = await served.connect()
        client.send(post(b"", path=b"/count") * 5)
        for _ in range(5):
            await client.answer()
        assert most == 1


async def test_every_answer_has_security_fields_and_a_date_and_no_server_name() -> None:
    async with serving(Script()) as served:
        client = await served.connect()
        client.send(GET)
        headers = (await client.answer()).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert headers["date"].endswith(" GMT")
        assert "server" not in headers


async def test_head_gets_the_length_and_no_body() -> None:
    async def page(request: Request) -> Response:
        return Response(200, b"12345")

    pieces = Pieces(b"a")
    async with serving(Script(page=page, stream=streaming(pieces))) as served:
        client = await served.connect()
        client.send(GET.replace(b"GET /a", b"HEAD /page"))
        answer = await client.answer(to_head=True)
        assert answer.headers["content-length"] == "5"
        client.send(GET.replace(b"GET /a", b"HEAD /stream"))
        assert (await client.answer(to_head=True)).status == 200
        client.send(GET.replace(b"/a", b"/page"))
        assert (await client.answer()).body == b"12345"
        assert (pieces.given, len(pieces.closed_at)) == (0, 1)


@pytest.mark.parametrize("status", [204, 304])
async def test_answers_without_body_have_no_length(status: int) -> None:
    async def nothing(request: Request) -> Response:
        return Response(status)

    async with serving(Script(a=nothing)) as served:
        client = await served.connect()
        client.send(GET + GET)
        for _ in range(2):
            answer = await client.answer()
            assert answer.status == status
            assert "content-length" not in answer.headers


async def test_http_1_0_gets_an_unframed_stream_and_a_close() -> None:
    async with serving(Script(a=streaming(Pieces(b"one", b"two")))) as served:
        client = await served.connect()
        client.send(b"GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        head, _, body = (await client.rest()).partition(b"\r\n\r\n")
        assert b"transfer-encoding" not in head
        assert b"connection: close" in head
        assert body == b"onetwo"


@pytest.mark.parametrize("value", [b"close", b"Close", b"x, close"])
async def test_connection_ends_when_the_client_says_close(value: bytes) -> None:
    async with serving(Script()) as served:
        client = await served.connect()
        client.send(post(b"a", b"Connection: " + value))
        assert (await client.answer()).headers["connection"] == "close"
        assert await client.rest() == b""


async def test_continue_is_sent_only_after_the_head_was_accepted() -> None:
    script = Script()
    script.rules["/no"] = DENIED
    async with serving(script) as served:
        client = await served.connect()
        client.send(post(b"abc", b"Expect: 100-continue").removesuffix(b"abc"))
        assert await client.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.send(b"abc")
        assert (await client.answer()).body == b"abc"
        client.send(post(b"abc", b"Expect: 100-continue", path=b"/no").removesuffix(b"abc"))
        answer = await client.answer()  # and no 100 before it
        assert (answer.status, answer.headers["connection"]) == (401, "close")


async def test_continue_is_not_sent_when_the_body_is_too_large() -> None:
    async with serving(Script()) as served:
        client = await served.connect()
        client.send(
            b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1025\r\nExpect: 100-continue\r\n\r\n"
        )
        assert (await client.answer()).status == 413


@pytest.mark.parametrize("pause", [False, True])
async def test_small_refused_body_is_skipped_and_the_connection_kept(pause: bool) -> None:
    script = Script()
    script.rules["/no"] = DENIED
    async with serving(script) as served:
        client = await served.connect()
        denied = post(b"x" * 1000, path=b"/no")
        client.send(denied[:600])
        if pause:
            assert (await client.answer()).status == 401
            client.send(denied[600:])
        else:
            client.send(denied[600:])
            assert (await client.answer()).status == 401
        client.send(post(b"next"))
        assert (await client.answer()).body == b"next"
        assert [head.path for head in script.heads] == ["/no", "/a"]


async def test_large_refused_body_ends_the_connection_with_its_answer_readable() -> None:
    script = Script()
    script.rules["/no"] = DENIED
    async with serving(script) as served:
        client = await served.connect()
        client.send(post(b"x" * 1_000_000, path=b"/no"))
        answer = await client.answer()
        assert (answer.status, answer.headers["connection"]) == (401, "close")
        assert await client.rest() == b""


async def test_application_is_swapped_between_requests() -> None:
    async with serving(Script()) as served:
        client = await served.connect()
        client.send(post(b"a"))
        await client.answer()
        second = Script()
        served.edge.application = second
        client.send(post(b"b"))
        await client.answer()
        assert len(second.requests) == 1


async def test_broken_handler_gives_500_without_its_words(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(request: Request) -> Response:
        raise RuntimeError("secret cause")

    async with serving(Script(a=broken)) as served:
        client = await served.connect()
        client.send(GET)
        answer = await client.answer()
        assert answer.status == 500
        assert b"secret cause" not in answer.body
        assert answer.headers["x-request-id"] in {
            r.__dict__.get("request_id") for r in caplog.records
        }


async def test_header_that_breaks_out_of_its_line_is_never_sent(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def splitting(request: Request) -> Response:
        return Response(200, b"", [(b"x-id", b"a\r\nset-cookie: b")])

    async with serving(Script(a=splitting)) as served:
        client = await served.connect()
        client.send(GET)
        answer = await client.answer()
        assert answer.status == 500
        assert "set-cookie" not in answer.headers


async def test_client_that_leaves_cancels_its_request_within_100_ms() -> None:
    async def endless(request: Request) -> Response:
        await asyncio.Event().wait()
        return Response(200)

    script = Script(a=endless)
    async with serving(script) as served:
        client = await served.connect()
        client.send(GET)
        await script.entered.wait()
        left = asyncio.get_running_loop().time()
        await client.close()
        await until(lambda: bool(script.cancelled))
        assert script.cancelled[0] - left < 0.5
        await until(lambda: served.edge.live_requests == 0)
        await until(lambda: served.edge.open_connections == 0)


async def test_request_and_leave_in_one_segment_leaves_nothing_behind() -> None:
    script = Script()
    async with serving(script) as served:
        for _ in range(5):
            client = await served.connect()
            client.send(GET)
            await client.close()
        await until(lambda: len(script.heads) == 5)
        await until(lambda: served.edge.live_requests == 0)
        await until(lambda: served.edge.open_connections == 0)


async def test_flood_of_pipelined_requests_is_held_back() -> None:
    async def large(request: Request) -> Response:
        return Response(200, b"x" * 200_000)

    script = Script(large=large)
    async with serving(script) as served:
        client = await served.connect(receive_buffer=4096)
        client.send(post(b"", path=b"/large") * 5000)
        await asyncio.sleep(0.3)
        assert len(script.requests) < 50  # the kernel's buffers take a few; memory takes none


async def test_body_rule_of_the_path_decides_about_size() -> None:
    script = Script()
    script.rules["/large"] = BodyRule(max_bytes=2_000_000)
    async with serving(script) as served:
        client = await served.connect()
        client.send(post(b"x" * 1_500_000, path=b"/large"))
        await client.until(b"\r\n\r\n")
        assert len(script.requests[0].body) == 1_500_000
