"""Read the head of a request: strict HTTP/1.x (RFC 9112), or a refusal.

This is the security boundary, so two readers must agree: our scan of the raw bytes refuses what
parsers are known to read differently (bare CR or LF, folds, control characters), and llhttp in
its strict mode refuses the rest of the grammar while it splits. No socket, no clock.
"""

import re
from functools import lru_cache

import msgspec
from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from hx_gateway.core.http import Memo, Request
from hx_gateway.core.snapshot import ServerSettings
from hx_gateway.transport.server.refusal import Refusal, refuse
from hx_gateway.transport.server.target import split_target

END = b"\r\n\r\n"
_TEXT = bytes([9, *range(32, 127), *range(128, 256)])  # what a head may hold beside CRLF
LENGTH_DIGITS = 15
_HOST = re.compile(rb"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?")
_OTHER_VERSION = re.compile(rb" HTTP/(?!1\.[01]$)\d\.\d$")
_VERSIONS = frozenset({b"HTTP/1.0", b"HTTP/1.1"})
_ZERO = ord("0")
_BLANKS = b" \t"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# Two of these contradict each other; any other field that comes twice is one list (RFC 9110 5.3).
_SINGLE = frozenset(
    b"host content-length transfer-encoding content-type content-encoding authorization expect "
    b"upgrade x-api-key api-key x-request-id".split()
)
_JUDGED = frozenset({b"upgrade", b"content-encoding", b"expect"})


class Framing(msgspec.Struct, frozen=True, kw_only=True):
    """What may follow a head and its body. `is_old` is HTTP/1.0, which knows no chunks."""

    keep_alive: bool
    awaits_continue: bool
    is_old: bool


class _Fields:
    """What llhttp calls back into for one head: containers of C, no function of ours per field."""

    __slots__ = ("headers", "on_header", "on_url", "target")

    def __init__(self) -> None:
        self.headers: dict[bytes, bytes] = {}
        self.target: list[bytes] = []
        self.on_header = self.headers.__setitem__
        self.on_url = self.target.append


class _AllFields:
    """As `_Fields`, for heads in which a name comes twice."""

    __slots__ = ("pairs",)

    def __init__(self) -> None:
        self.pairs: list[tuple[bytes, bytes]] = []

    def on_header(self, name: bytes, value: bytes) -> None:
        self.pairs.append((name.lower(), value.rstrip(_BLANKS)))


def parse_head(block: bytes, settings: ServerSettings) -> tuple[Request, Framing]:
    """Read a whole head (through its empty line); raises Refusal."""
    line_end = block.find(b"\r\n")
    count = block.count(b"\r\n") - 2
    _scan(block, line_end, count, settings)
    fields = _Fields()
    parser = _feed(block, fields)
    # llhttp takes the blanks before a value only.
    headers = {name.lower(): value.rstrip(_BLANKS) for name, value in fields.headers.items()}
    if len(headers) != count:
        headers = _joined(block)
    method = parser.get_method().decode("latin-1")
    if method not in _METHODS:
        raise refuse(405, "method_not_allowed", f"The method {method} is not served.")
    if len(block) > settings.max_header_value:
        _check_values(headers, settings)
    if not _JUDGED.isdisjoint(headers):
        _check_fields(headers)
    version = block[line_end - 1] - _ZERO
    path, query = split_target(fields.target[0], _host_of(headers, version))
    length = _length(headers, version)
    framing = _framing(headers, version)
    headers.pop(b"content-length", None)
    request = Request(method, path, query, headers, memo=Memo())
    request.length = length
    return request, framing


def _feed(block: bytes, fields: _Fields | _AllFields) -> HttpRequestParser:
    parser = HttpRequestParser(fields)
    try:
        parser.feed_data(block)
    except HttpParserUpgrade:
        pass  # decided by the Upgrade field and the method
    except HttpParserError:
        raise _why_not(block) from None
    return parser


def _joined(block: bytes) -> dict[bytes, bytes]:
    """Join fields of one name (RFC 9110 section 5.3); raises Refusal for those that may not.

    Called when there are fewer names than lines. A folded line is another reason for that.
    """
    if b"\n " in block or b"\n\t" in block:
        raise refuse(400, "malformed_request", "A header field is folded over several lines.")
    fields = _AllFields()
    _feed(block, fields)
    headers: dict[bytes, bytes] = {}
    for name, value in fields.pairs:
        if name not in headers:
            headers[name] = value
        elif name in _SINGLE:
            raise refuse(400, "malformed_request", "A header field that may come once came twice.")
        else:
            headers[name] += (b"; " if name == b"cookie" else b", ") + value
    return headers


def check_partial(start: bytes, settings: ServerSettings) -> None:
    """Judge the beginning of a head: refuses early what can no longer become a proper one."""
    line_end = start.find(b"\r\n")
    _check_sizes(start, len(start) if line_end < 0 else line_end, settings)
    if line_end >= 0 and start[max(0, line_end - 8) : line_end] not in _VERSIONS:
        raise _why_not(start)
    whole = start.removesuffix(b"\r")
    if len(whole.translate(None, _TEXT)) != 2 * whole.count(b"\r\n"):
        raise refuse(400, "malformed_request", "The request head holds a control character.")


def _scan(block: bytes, line_end: int, count: int, settings: ServerSettings) -> None:
    size = len(block)
    if (
        size > settings.max_request_line
        or size > settings.max_header_bytes
        or count > settings.max_header_count
    ):
        _check_sizes(block, line_end, settings)
    if block[line_end - 8 : line_end] not in _VERSIONS or block.count(b" ", 0, line_end) != 2:
        raise _why_not(block)  # llhttp lets more blanks pass
    if len(block.translate(None, _TEXT)) != 2 * count + 4:
        raise refuse(400, "malformed_request", "The request head holds a control character.")


def _check_sizes(block: bytes, line_end: int, settings: ServerSettings) -> None:
    if line_end > settings.max_request_line:
        raise refuse(414, "request_line_too_long", "The request line is too long.")
    if len(block) - line_end > settings.max_header_bytes:
        raise refuse(431, "headers_too_large", "The header fields are too large together.")
    if block.count(b"\r\n", line_end + 2) > settings.max_header_count + 1:
        raise refuse(431, "too_many_headers", "There are too many header fields.")


def _check_values(headers: dict[bytes, bytes], settings: ServerSettings) -> None:
    if max(map(len, headers.values()), default=0) > settings.max_header_value:
        raise refuse(431, "header_too_large", "A header field is too large.")


def _check_fields(headers: dict[bytes, bytes]) -> None:
    if headers.get(b"upgrade", b"h2c").lower() != b"h2c":
        # Java's HTTP client offers h2c on every request; an offer may be ignored (RFC 9110 7.8).
        raise refuse(400, "upgrade_not_supported", "Upgrading the connection is not supported.")
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise refuse(415, "content_encoding_not_supported", "Send the body without an encoding.")
    if headers.get(b"expect", b"100-continue").lower() != b"100-continue":
        raise refuse(417, "expectation_failed", "The only known expectation is 100-continue.")


def _host_of(headers: dict[bytes, bytes], version: int) -> bytes | None:
    host = headers.get(b"host")
    if host is None:
        if version:
            raise refuse(400, "malformed_request", "The Host header is missing.")
        return None
    if not _is_host(host):
        raise refuse(400, "malformed_request", "The Host header is not a host.")
    return host


@lru_cache(maxsize=256)
def _is_host(host: bytes) -> bool:
    return _HOST.fullmatch(host) is not None


def _framing(headers: dict[bytes, bytes], version: int) -> Framing:
    connection = headers.get(b"connection")
    keep = version == 1 and (connection is None or not _says_close(connection))
    return Framing(
        keep_alive=keep,
        awaits_continue=version == 1 and b"expect" in headers,
        is_old=not version,
    )


def _says_close(connection: bytes) -> bool:
    return b"close" in [token.strip() for token in connection.lower().split(b",")]


def _length(headers: dict[bytes, bytes], version: int) -> int | None:
    length = headers.get(b"content-length")
    coding = headers.get(b"transfer-encoding")
    if coding is None:
        if length is None:
            return 0
        if not length.isdigit() or len(length) > LENGTH_DIGITS:
            raise refuse(400, "malformed_request", "Content-Length is not a number.")
        return int(length)
    if length is not None or not version or coding.lower() != b"chunked":
        raise refuse(400, "malformed_request", "The length of the body is ambiguous.")
    return None


def _why_not(block: bytes) -> Refusal:
    line = block.partition(b"\r\n")[0]
    if _OTHER_VERSION.search(line):
        return refuse(505, "http_version_not_supported", "Only HTTP/1.0 and HTTP/1.1 are spoken.")
    return refuse(400, "malformed_request", "The request is not valid HTTP/1.1.")
