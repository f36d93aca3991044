"""Open a connection to where an origin says, and nowhere else: names, sockets, tunnels, TLS."""

import asyncio
import itertools
import logging
import socket
import ssl
from collections.abc import Callable

from hx_gateway.core.errors import Unreachable
from hx_gateway.core.http import Origin
from hx_gateway.transport.client.connection import Connection
from hx_gateway.transport.client.head import Way, authority
from hx_gateway.transport.client.proxies import Proxy

# How long an address may stay silent while there is another one to try. RFC 8305 races them with
# 250 ms between the starts; one after the other needs no tasks, so it may be a little more patient.
_ADDRESS_PATIENCE = 1.0
_MAX_TUNNEL_HEAD = 8 * 1024

_log = logging.getLogger(__name__)

Address = tuple[socket.AddressFamily, str | tuple[object, ...]]


async def dial(
    way: Way, context: ssl.SSLContext | None, make: Callable[[], Connection]
) -> Connection:
    """Connect; raises Unreachable. Has no deadline of its own; cancelled, it leaves no socket."""
    origin, proxy = way.origin, way.proxy
    try:
        sock = await connect_any(await _addresses(origin, proxy))
        try:
            if proxy is not None and context is not None:
                await _tunnel(sock, origin, proxy)
            return await _attach(sock, origin, context, make)
        except BaseException:
            sock.close()
            raise
    except socket.gaierror as error:
        raise _unreachable("The upstream's name cannot be resolved.", origin, error) from None
    except ssl.SSLError as error:
        raise _unreachable("No trusted TLS connection to the upstream.", origin, error) from None
    except (OSError, UnicodeError) as error:
        raise _unreachable("The upstream cannot be reached.", origin, error) from None


def _unreachable(message: str, origin: Origin, error: Exception) -> Unreachable:
    _log.debug("connecting to %s failed: %s", origin.authority, error)
    return Unreachable(message)


async def _addresses(origin: Origin, proxy: Proxy | None) -> list[Address]:
    if origin.socket_path is not None:
        return [(socket.AF_UNIX, origin.socket_path)]
    host, port = (origin.host, origin.port) if proxy is None else (proxy.host, proxy.port)
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return alternating([(family, address) for family, _, _, _, address in found])


def alternating(addresses: list[Address]) -> list[Address]:
    """Order addresses so that a family that leads nowhere costs one try before the other."""
    first = [address for address in addresses if address[0] == addresses[0][0]]
    other = [address for address in addresses if address[0] != addresses[0][0]]
    pairs = itertools.zip_longest(first, other)
    return [address for pair in pairs for address in pair if address is not None]


async def connect_any(addresses: list[Address]) -> socket.socket:
    """Connect to the first address that answers; raises the OSError of the last one."""
    failure = OSError("no address")
    for left, (family, address) in zip(range(len(addresses) - 1, -1, -1), addresses, strict=True):
        try:
            async with asyncio.timeout(_ADDRESS_PATIENCE if left else None):
                return await _connect(family, address)
        except OSError as error:  # TimeoutError is one
            failure = error
    raise failure


async def _connect(
    family: socket.AddressFamily, address: str | tuple[object, ...]
) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(0)
        if family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(sock, address)
    except BaseException:
        sock.close()
        raise
    return sock


async def _tunnel(sock: socket.socket, origin: Origin, proxy: Proxy) -> None:
    """Ask a proxy for a tunnel (RFC 9110 section 9.3.6) before TLS starts on the socket."""
    loop = asyncio.get_running_loop()
    target = f"{authority(origin)}" if origin.port != 443 else f"{authority(origin)}:443"
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    if proxy.authorization is not None:
        lines.append(f"Proxy-Authorization: {proxy.authorization.reveal()}")
    await loop.sock_sendall(sock, "\r\n".join([*lines, "", ""]).encode("ascii"))
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        data = await loop.sock_recv(sock, 4096)
        head += data
        # The upstream speaks only after us, so the head is all there is; more is not a tunnel.
        if not data or len(head) > _MAX_TUNNEL_HEAD or b"\r\n\r\n" in head[:-4]:
            raise OSError("the proxy did not answer CONNECT properly")
    if not head.startswith((b"HTTP/1.1 2", b"HTTP/1.0 2")):
        raise OSError("the proxy refused the tunnel")


async def _attach(
    sock: socket.socket,
    origin: Origin,
    context: ssl.SSLContext | None,
    make: Callable[[], Connection],
) -> Connection:
    loop = asyncio.get_running_loop()
    name = origin.host if context else None
    if sock.family == socket.AF_UNIX:
        _, connection = await loop.create_unix_connection(
            make, sock=sock, ssl=context, server_hostname=name
        )
    else:
        _, connection = await loop.create_connection(
            make, sock=sock, ssl=context, server_hostname=name
        )
    return connection
