"""TLS good and bad, and the way through an HTTP proxy."""

import asyncio
import contextlib
import socket
import ssl
import warnings
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from tests.support.certificate import server_context
from tests.support.edge import until
from tests.support.raw_upstream import Peer, RawUpstream, raw_upstream

from hx_gateway.core.errors import TimedOut, Unreachable
from hx_gateway.core.http import Deadlines, HttpRequest, Origin
from hx_gateway.transport.client import Client, proxies_from
from hx_gateway.transport.client.dial import Address, connect_any

POST = HttpRequest(path="/v1/x", body=b"{}")
SOON = Deadlines(connect=30, first_byte=30, idle=30, total=60)
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"
# A name that only the proxy can resolve, so that nothing works without it.
HIDDEN = Origin(scheme="https", host="upstream.invalid", port=443)


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server's context whose certificate OpenSSL is told to trust."""
    context, cert = server_context(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    return context


async def test_trusted_certificate_is_accepted_and_the_connection_kept(
    client: Client, trusted: ssl.SSLContext
) -> None:
    async with raw_upstream(tls=trusted) as upstream:
        upstream.answers(OK)
        for host in ("127.0.0.1", "localhost"):
            origin = msgspec.structs.replace(upstream.origin, host=host)
            for _ in range(2):
                assert await (await client.send(origin, POST, SOON)).read() == b"hello"
        assert upstream.accepted == 2


async def test_unknown_certificate_is_unreachable_unless_told_not_to_look(
    client: Client, tmp_path: Path
) -> None:
    context, _ = server_context(tmp_path)
    async with raw_upstream(tls=context) as upstream:
        upstream.answers(OK)
        with pytest.raises(Unreachable, match="No trusted TLS"):
            await client.send(upstream.origin, POST, SOON)
        assert upstream.requests == []
        lax = msgspec.structs.replace(upstream.origin, verify_tls=False)
        assert await (await client.send(lax, POST, SOON)).read() == b"hello"


async def test_certificate_of_another_name_is_unreachable(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, cert = server_context(tmp_path, "other.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    async with raw_upstream(tls=context) as upstream:
        with pytest.raises(Unreachable, match="No trusted TLS"):
            await client.send(upstream.origin, POST, SOON)


async def test_old_tls_is_unreachable(client: Client, trusted: ssl.SSLContext) -> None:
    trusted.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings(action="ignore"):  # that it is old is the point
        trusted.minimum_version = ssl.TLSVersion.TLSv1
        trusted.maximum_version = ssl.TLSVersion.TLSv1_1
    async with raw_upstream(tls=trusted) as upstream:
        with pytest.raises(Unreachable):
            await client.send(upstream.origin, POST, SOON)


async def test_upstream_that_speaks_no_tls_is_unreachable(client: Client) -> None:
    async with raw_upstream() as upstream:
        upstream.answers(OK)
        upstream.script = _babbling
        origin = msgspec.structs.replace(upstream.origin, scheme="https")
        with pytest.raises(Unreachable):
            await client.send(origin, POST, SOON)


async def _babbling(peer: Peer) -> None:
    await peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")


async def test_silent_tls_handshake_ends_with_the_connect_deadline(client: Client) -> None:
    async with raw_upstream() as upstream:
        origin = msgspec.structs.replace(upstream.origin, scheme="https")
        with pytest.raises(TimedOut, match="did not accept a connection"):
            await client.send(origin, POST, Deadlines(connect=0.1))
        await until(lambda: upstream.open == 0)


async def test_unread_answer_over_tls_is_bounded_and_comes_whole(
    client: Client, trusted: ssl.SSLContext
) -> None:
    size = 10_000_000
    async with raw_upstream(tls=trusted) as upstream:
        head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size
        upstream.answers(head, *[b"x" * 100_000] * (size // 100_000))
        answer = await client.send(upstream.origin, POST, SOON)
        await asyncio.sleep(0.2)
        taken = 0
        while piece := await answer.receive():
            assert len(piece) <= 2 * 65536
            taken += len(piece)
        assert taken == size


@contextlib.asynccontextmanager
async def proxy_to(upstream: RawUpstream, reply: bytes) -> AsyncIterator[RawUpstream]:
    """A proxy that answers CONNECT with `reply` and, if that is a yes, joins the two ends."""

    async def script(peer: Peer) -> None:
        proxy.requests.append(await peer.request())
        await peer.send(reply)
        if b" 200 " in reply:
            await _join(peer, upstream.origin)

    async with raw_upstream(script) as proxy:
        yield proxy


async def _join(peer: Peer, origin: Origin) -> None:
    reader, writer = await asyncio.open_connection(origin.host, origin.port)
    there = asyncio.ensure_future(_copy(peer.reader, writer))
    try:
        await _copy(reader, peer.writer)
        await there
    finally:
        there.cancel()
        writer.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@contextlib.asynccontextmanager
async def through(proxy: RawUpstream) -> AsyncIterator[Client]:
    at = f"http://us%20er:p%40ss@127.0.0.1:{proxy.origin.port}"
    client = Client(proxies=proxies_from({"http_proxy": at, "https_proxy": at}))
    try:
        yield client
    finally:
        await client.aclose()


async def test_https_goes_through_a_tunnel_that_cannot_read_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, cert = server_context(tmp_path, HIDDEN.host)
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    async with raw_upstream(tls=context) as upstream:
        upstream.answers(OK)
        yes = b"HTTP/1.1 200 Connection established\r\n\r\n"
        async with proxy_to(upstream, yes) as proxy, through(proxy) as client:
            for _ in range(2):
                assert await (await client.send(HIDDEN, POST, SOON)).read() == b"hello"
            (connect,) = proxy.requests
            assert connect == (
                b"CONNECT upstream.invalid:443 HTTP/1.1\r\n"
                b"Host: upstream.invalid:443\r\n"
                b"Proxy-Authorization: Basic dXMgZXI6cEBzcw==\r\n\r\n"
            )
            assert b"Proxy-Authorization" not in b"".join(upstream.requests)


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nextra",
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 2000,
        b"HTTP/1.1 200 OK\r\n",
        b"garbage\r\n\r\n",
        b"",
    ],
    ids=["refused", "bytes beyond", "too large", "cut short", "garbage", "nothing"],
)
async def test_proxy_that_gives_no_tunnel_makes_the_upstream_unreachable(reply: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(reply)
        if reply not in (b"", b"HTTP/1.1 200 OK\r\n"):  # the others stay, as if all were well
            await peer.left()

    async with raw_upstream(script) as proxy, through(proxy) as client:
        with pytest.raises(Unreachable, match="cannot be reached"):
            await client.send(HIDDEN, POST, SOON)


async def test_silent_proxy_ends_with_the_connect_deadline() -> None:
    async with raw_upstream() as proxy, through(proxy) as client:
        with pytest.raises(TimedOut):
            await client.send(HIDDEN, POST, Deadlines(connect=0.1))
        await until(lambda: proxy.open == 0)


async def test_http_goes_to_the_proxy_in_absolute_form() -> None:
    async with raw_upstream() as proxy, through(proxy) as client:
        proxy.answers(OK)
        origin = Origin(host="upstream.invalid", port=8080)
        for _ in range(2):
            assert await (await client.send(origin, POST, SOON)).read() == b"hello"
        assert proxy.accepted == 1
        head = proxy.requests[0]
        assert head.startswith(b"POST http://upstream.invalid:8080/v1/x HTTP/1.1\r\n")
        assert b"Host: upstream.invalid:8080\r\n" in head
        assert b"Proxy-Authorization: Basic dXMgZXI6cEBzcw==\r\n" in head


async def test_loopback_is_reached_without_the_proxy() -> None:
    async with raw_upstream() as proxy, raw_upstream() as upstream, through(proxy) as client:
        upstream.answers(OK)
        assert await (await client.send(upstream.origin, POST, SOON)).read() == b"hello"
        assert (proxy.accepted, upstream.accepted) == (0, 1)


async def test_second_address_is_tried_when_the_first_refuses() -> None:
    """`localhost` is ::1 first on many machines, while the upstream listens on 127.0.0.1 only."""
    async with raw_upstream() as upstream:
        refusing: Address = (socket.AF_INET, ("127.0.0.2", upstream.origin.port))
        listening: Address = (socket.AF_INET, ("127.0.0.1", upstream.origin.port))
        with await connect_any([refusing, listening]) as sock:
            assert sock.getpeername() == listening[1]
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        with pytest.raises(ConnectionRefusedError):
            await connect_any([refusing, refusing])


async def test_second_address_is_tried_when_the_first_is_silent() -> None:
    with contextlib.ExitStack() as sockets:
        deaf = sockets.enter_context(socket.create_server(("127.0.0.2", 0), backlog=0))
        for _ in range(8):  # a full backlog drops further SYNs
            filler = sockets.enter_context(socket.socket())
            filler.settimeout(0)
            filler.connect_ex(deaf.getsockname())
        async with raw_upstream() as upstream:
            silent: Address = (socket.AF_INET, deaf.getsockname())
            listening: Address = (socket.AF_INET, ("127.0.0.1", upstream.origin.port))
            with await connect_any([silent, listening]) as sock:
                assert sock.getpeername() == listening[1]
