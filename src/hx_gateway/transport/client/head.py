"""Write the head of a request, and refuse what would forge a second one."""

import msgspec

from hx_gateway.core.errors import InvalidRequest, Unreachable
from hx_gateway.core.http import HttpRequest, Origin
from hx_gateway.transport.client.proxies import Proxy

_BREAKS = b"\r\n\0"
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
    `breaks` counts the CR and LF of the request line and of `fixed`, its header lines.
    """

    origin: Origin
    proxy: Proxy | None
    prefix: str
    fixed: bytes
    breaks: int


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
    fixed = "".join(lines).encode("ascii")
    return Way(
        origin=origin,
        proxy=proxy,
        prefix=f"http://{host}" if absolute else "",
        fixed=fixed,
        breaks=2 * (fixed.count(b"\n") + 1),
    )


def authority(origin: Origin) -> str:
    """Give host and port in ASCII; raises UnicodeError for a host that has no such form."""
    name = origin.authority
    return name if name.isascii() else name.encode("idna").decode("ascii")


def write_head(request: HttpRequest, way: Way) -> bytes:
    """Write the head as far as the fields that frame the body (`framing`).

    Raises InvalidRequest when a path or a header would break out of its line.
    """
    path = request.path
    # RFC 9112 section 3: no space or control can be inside a target. The slash keeps a path from
    # prolonging the host name in the absolute form.
    if path[:1] != "/" or not (path.isascii() and path.isprintable()) or " " in path:
        raise InvalidRequest("The request cannot be sent: its path has characters not allowed.")
    line = f"{request.method} {way.prefix}{path} HTTP/1.1\r\n"
    parts = [line.encode("ascii"), way.fixed]
    for name, value in request.headers:
        if name.lower() in _OURS:
            raise InvalidRequest("The request cannot be sent: a header of it is the gateway's own.")
        parts += (name, b": ", value, b"\r\n")
    head = b"".join(parts)
    # Every line we wrote has one CR and one LF: any more came in with a value.
    breaks = len(head) - len(head.translate(None, _BREAKS))
    if breaks != way.breaks + 2 * len(request.headers):
        raise InvalidRequest("The request cannot be sent: a header has characters not allowed.")
    return head


def framing(request: HttpRequest) -> bytes:
    """Write the end of the head: how long the body is."""
    if request.stream is not None:
        return b"Transfer-Encoding: chunked\r\n\r\n"
    if not request.body and request.method in _BODILESS:
        return b"\r\n"
    return b"Content-Length: %d\r\n\r\n" % len(request.body)
