"""Write the head of an answer: status line, fields, framing, and the security fields. Pure."""

from http import HTTPStatus
from wsgiref.handlers import format_date_time

from hx_gateway.core.http import Header, Response, header_lines

SMALL = 16 * 1024  # below this, copying into one buffer is cheaper than a list of buffers
LAST_CHUNK = b"0\r\n\r\n"
_STATUS_LINES = {int(s): f"HTTP/1.1 {int(s)} {s.phrase}\r\n".encode() for s in HTTPStatus}
_SECURITY = {
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
}
_FRAMING = frozenset((b"content-length", b"transfer-encoding", b"connection", b"date"))
_SPECIAL = _FRAMING | _SECURITY.keys()


def common_fields(now: float) -> bytes:
    """Give the fields of every answer; `now` is wall time. Made once per tick, not per answer."""
    date = b"date: %b\r\n" % format_date_time(now).encode()
    return date + header_lines(_SECURITY.items())


def encode_head(
    response: Response, common: bytes, *, keep_alive: bool, length: int | None
) -> bytes:
    """Write a head through its empty line.

    `length` of the body in bytes; None says chunked, -1 says nothing (there is no body, or it
    ends with the connection). Raises SplitHeader.
    """
    headers, block = response.headers, response.lines
    if headers:
        for name, _ in headers:
            if name in _SPECIAL:
                headers, common = _without_doubles(headers, common)
                break
        block += header_lines(headers)
    status = _STATUS_LINES.get(response.status) or b"HTTP/1.1 %d Unknown\r\n" % response.status
    close = b"" if keep_alive else b"connection: close\r\n"
    if length is None:
        return b"%b%b%b%btransfer-encoding: chunked\r\n\r\n" % (status, block, common, close)
    if length < 0:
        return b"%b%b%b%b\r\n" % (status, block, common, close)
    return b"%b%b%b%bcontent-length: %d\r\n\r\n" % (status, block, common, close, length)


def has_body(status: int) -> bool:
    """Tell whether an answer with that status may have a body (RFC 9110 section 6.4.1)."""
    return status >= 200 and status not in (204, 304)


def encode_chunk(piece: bytes) -> bytes:
    """Frame one piece of a chunked answer."""
    return b"%x\r\n%b\r\n" % (len(piece), piece)


def _without_doubles(headers: list[Header], common: bytes) -> tuple[list[Header], bytes]:
    """Drop framing fields (they are ours); a security field of the answer replaces the default."""
    for name, value in _SECURITY.items():
        if any(own == name for own, _ in headers):
            common = common.replace(b"%b: %b\r\n" % (name, value), b"")
    return [header for header in headers if header[0] not in _FRAMING], common
