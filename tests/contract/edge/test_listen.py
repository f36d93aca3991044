"""Sockets: bound, taken, inherited, Unix, TLS."""

import asyncio
import os
import socket
import ssl
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest
from tests.support.edge import RawClient, Script, serving, until

from hx_gateway.core.snapshot import ServerSettings
from hx_gateway.transport.server import (
    CannotBind,
    Edge,
    PortTaken,
    bind,
    bind_unix,
    inherited_sockets,
)

GET = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"


def test_taken_port_is_named_and_never_replaced() -> None:
    with bind("127.0.0.1", 0)[0] as first:
        port = first.getsockname()[1]
        with pytest.raises(PortTaken, match=f"127.0.0.1 port {port}.*already in use") as caught:
            bind("127.0.0.1", port)
        assert (caught.value.host, caught.value.port) == ("127.0.0.1", port)


@pytest.mark.parametrize("host", ["203.0.113.7", "no.such.host.invalid", "256.1.1.1"])
def test_address_that_is_not_ours_cannot_be_bound(host: str) -> None:
    with pytest.raises(CannotBind, match=host):
        bind(host, 0)


def test_all_addresses_of_a_name_share_the_port() -> None:
    sockets = bind("localhost", 0)
    assert len({each.getsockname()[1] for each in sockets}) == 1
    for each in sockets:
        each.close()


def test_bound_socket_queues_connections_at_once() -> None:
    with bind("127.0.0.1", 0)[0] as listener:
        socket.create_connection(listener.getsockname(), timeout=30.0).close()


async def test_connections_have_nagle_switched_off() -> None:
    async with serving(Script()) as served:
        await served.connect()
        await until(lambda: served.edge.open_connections == 1)
        (member,) = served.edge._state.connections
        raw = member._transport.get_extra_info("socket")  # type: ignore[attr-defined]
        assert raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_unix_socket_serves_and_is_private(tmp_path: Path) -> None:
    path = tmp_path / "edge.sock"
    script = Script()
    edge = Edge(script, ServerSettings())
    await edge.start([bind_unix(path)])
    assert path.stat().st_mode & 0o777 == 0o600
    client = RawClient(*await asyncio.open_unix_connection(str(path)))
    client.send(GET)
    assert (await client.answer()).status == 200
    assert script.requests[0].peer == "unix"
    with pytest.raises(PortTaken):
        bind_unix(path)
    await client.close()
    await edge.aclose()


def test_dead_unix_socket_is_replaced_and_a_file_is_not(tmp_path: Path) -> None:
    bind_unix(tmp_path / "dead").close()
    bind_unix(tmp_path / "dead").close()
    (tmp_path / "file").write_text("mine")
    with pytest.raises(CannotBind):
        bind_unix(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    make_certificate(cert, key)
    return cert, key


def make_certificate(cert: Path, key: Path) -> None:
    """Write a self-signed certificate for localhost, and its key."""
    files = ["-keyout", str(key), "-out", str(cert)]
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost"
    arguments = [*command.split(), "-addext", "subjectAltName=DNS:localhost", *files]
    subprocess.run(arguments, check=True, capture_output=True)


def _ask_over_tls(port: int, context: ssl.SSLContext, raw: bytes) -> bytes:
    """Read to the end, blocking: uvloop's own client drops data that comes with a TLS close."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=30.0)
    with context.wrap_socket(connection, server_hostname="localhost") as secured:
        secured.sendall(raw)
        return b"".join(iter(lambda: secured.recv(65536), b""))


async def test_tls_serves_and_plain_text_does_not_get_in(certificate: tuple[Path, Path]) -> None:
    cert, key = certificate
    script = Script()
    async with serving(script, ServerSettings(tls_cert=cert, tls_key=key)) as served:
        context = ssl.create_default_context(cafile=cert)
        streams = await asyncio.open_connection(
            "127.0.0.1", served.port, ssl=context, server_hostname="localhost"
        )
        client = RawClient(*streams)
        client.send(GET + GET)
        for _ in range(2):
            assert (await client.answer()).status == 200
        await client.close()
        refused = await asyncio.to_thread(_ask_over_tls, served.port, context, b"GET /a\r\n\r\n")
        assert refused.startswith(b"HTTP/1.1 400 ")
        plain = await served.connect()
        plain.send(GET)
        assert b"200" not in await plain.rest()
        assert len(script.requests) == 2


async def _shown(port: int) -> str:
    """The digest of the certificate that is shown."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.transport.abort()
    return sha256(shown).hexdigest()


async def test_a_new_certificate_is_shown_once_it_is_read(certificate: tuple[Path, Path]) -> None:
    cert, key = certificate
    settings = ServerSettings(tls_cert=cert, tls_key=key)
    async with serving(Script(), settings) as served:
        first = await _shown(served.port)
        make_certificate(cert, key)
        assert await _shown(served.port) == first
        served.edge.renew_tls()
        second = await _shown(served.port)
        assert second != first
        make_certificate(cert, key.with_name("other.pem"))  # the key does not fit any more
        with pytest.raises(ssl.SSLError):
            served.edge.renew_tls()
        assert await _shown(served.port) == second
        cert.unlink()
        with pytest.raises(FileNotFoundError):
            served.edge.renew_tls()
        assert await _shown(served.port) == second


async def test_without_tls_there_is_nothing_to_renew() -> None:
    async with serving(Script()) as served:
        served.edge.renew_tls()


async def test_bad_certificate_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "cert.pem").write_text("no certificate")
    path = tmp_path / "cert.pem"
    edge = Edge(Script(), ServerSettings(tls_cert=path, tls_key=path))
    listener = bind("127.0.0.1", 0)
    with pytest.raises(ssl.SSLError):
        await edge.start(listener)
    listener[0].close()


_CHILD = """
import os, sys
from hx_gateway.transport.server import CannotBind, inherited_sockets
try:
    for each in inherited_sockets(os.getpid(), os.getpid() + int(sys.argv[1]), int(sys.argv[2])):
        print(each.getsockname()[1])
except CannotBind as error:
    print(error)
"""


def _activated(*arguments: str, fd: int) -> str:
    """Run a child that has `fd` as its descriptor 3."""
    return subprocess.run(
        [sys.executable, "-c", _CHILD, *arguments],
        preexec_fn=lambda: os.dup2(fd, 3),
        pass_fds=(3,) if fd == 3 else (3, fd),
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


def test_sockets_of_systemd_are_taken_only_by_their_process() -> None:
    with bind("127.0.0.1", 0)[0] as listener:
        port = str(listener.getsockname()[1])
        assert _activated("0", "1", fd=listener.fileno()) == port
        assert _activated("1", "1", fd=listener.fileno()) == ""
        assert _activated("0", "0", fd=listener.fileno()) == ""


def test_inherited_descriptor_that_does_not_listen_is_named() -> None:
    with socket.socket() as idle:
        assert "descriptor 3: it is not a listening socket" in _activated(
            "0", "1", fd=idle.fileno()
        )


def test_nothing_is_inherited_without_systemd() -> None:
    assert inherited_sockets(7, 0, 0) == []
