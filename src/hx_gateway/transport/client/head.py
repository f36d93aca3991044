"""Write the head of a request, and refuse what would forge a second one."""

import re

import msgspec

from hx_gateway.core.errors import InvalidRequest, Unreachable
from hx_gateway.core.http import HttpRequest, Origin
from hx_gateway.transport.client.proxies import Proxy

# RFC 9112 section 3: no space or control can be inside a method or a target. The slash keeps a
# path from prolonging the host name in the absolute form.
_TARGET = re.compile(r"[A-Z]+ /[!-~]*")
# Framing and hop-by-hop fields are this client's business: a second one would let two readers
# of the same bytes see two different requests (RFC 9112 section 11.2).
_OURS = frozenset(
    b"host content-length transfer-encoding connection keep-alive upgrade te trailer expect"
    b" accept-encoding proxy-authorization proxy-connection".split()
)
_BODILESS = frozenset(("GET", "HEAD", "DELETE", "OPTIONS"))


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """How one upstream is spoken to: through which proxy, and what every request to it carries.

    `prefix` precedes the path where a proxy wants the absolute form (RFC 9112 section 3.2.2).
    """

    origin: Origin
    proxy: Proxy | None
    prefix: str
    fixed: bytes


def way_to(origin: Origin, proxy: Proxy | None) -> Way:
    """Work out the way to an upstream; raises Unreachable for a host that cannot be a name."""
    try:
        host = authority(origin)
    except UnicodeError:
        raise Unreachable("The upstream's name is not a valid one.") from None
    lines = [f"Host: {host}\r\nAccept-Encoding: identity\r\n"]
    absolute = proxy is not None and origin.scheme == "http"
    if proxy is not None and absolute and proxy.authorization is not None:
        lines.append(f"Proxy-Authorization: {proxy.authorization.reveal()}\r\n")
    return Way(
        origin=origin,
        proxy=proxy,
        prefix=f"http://{host}" if absolute else "",
        fixed="".join(lines).encode("latin-1"),
    )


def authority(origin: Origin) -> str:
    """Give host and port in ASCII; raises UnicodeError for a host that has no such form."""
    name = origin.authority
    return name if name.isascii() else name.encode("idna").decode("ascii")


def write_head(request: HttpRequest, way: Way) -> bytes:
    """Write the head; raises InvalidRequest when a path or a header would break out of its line."""
    if _TARGET.fullmatch(f"{request.method} {request.path}") is None:
        raise InvalidRequest("The request cannot be sent: its path has characters not allowed.")
    line = f"{request.method} {way.prefix}{request.path} HTTP/1.1\r\n"
    parts = [line.encode("ascii"), way.fixed]
    for name, value in request.headers:
        if name.lower() in _OURS:
            raise InvalidRequest("The request cannot be sent: a header of it is the gateway's own.")
        parts += (name, b": ", value, b"\r\n")
    framing = _framing(request)
    parts.append(framing)
    head = b"".join(parts)
    # Every line we wrote has one CR and one LF: any more came in with a value.
    lines = 1 + way.fixed.count(b"\n") + len(request.headers) + framing.count(b"\n")
    if head.count(b"\n") != lines or head.count(b"\r") != lines or b"\0" in head:
        raise InvalidRequest("The request cannot be sent: a header has characters not allowed.")
    return head


def _framing(request: HttpRequest) -> bytes:
    if request.stream is not None:
        return b"Transfer-Encoding: chunked\r\n\r\n"
    if not request.body and request.method in _BODILESS:
        return b"\r\n"
    return b"Content-Length: %d\r\n\r\n" % len(request.body)
