"""Reading a head without a socket. What is refused is in the corpus of the contract suite."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hx_gateway.core.snapshot import ServerSettings
from hx_gateway.transport.server.head import check_partial, parse_head
from hx_gateway.transport.server.refusal import Refusal

SETTINGS = ServerSettings()
LINE = b"POST /v1/chat HTTP/1.1\r\nHost: gw\r\n"


def test_head_is_read_into_its_parts() -> None:
    block = (
        b"GET /a%20b?c=%20d HTTP/1.1\r\nHOST: gw:80\r\nX-A:  b \t\r\nAccept: x\r\nACCEPT: y\r\n\r\n"
    )
    head, framing = parse_head(block, SETTINGS)
    assert (head.method, head.path, head.query) == ("GET", "/a b", "c=%20d")
    assert head.headers == {b"host": b"gw:80", b"x-a": b"b", b"accept": b"x, y"}
    assert (head.length, framing.keep_alive, framing.is_old) == (0, True, False)


@pytest.mark.parametrize(
    ("lines", "length", "keeps", "awaits"),
    [
        (b"Content-Length: 7\r\n", 7, True, False),
        (b"Transfer-Encoding: chunked\r\n", None, True, False),
        (b"Connection: close\r\n", 0, False, False),
        (b"Connection: keep-alive\r\n", 0, True, False),
        (b"Connection: x , CLOSE\r\n", 0, False, False),
        (b"Connection: closed\r\n", 0, True, False),
        (b"Content-Length: 7\r\nExpect: 100-Continue\r\n", 7, True, True),
    ],
)
def test_framing_follows_the_fields(
    lines: bytes, length: int | None, keeps: bool, awaits: bool
) -> None:
    head, framing = parse_head(LINE + lines + b"\r\n", SETTINGS)
    assert b"content-length" not in head.headers
    assert (head.length, framing.keep_alive, framing.awaits_continue) == (length, keeps, awaits)


def test_cookies_that_came_apart_are_joined_as_cookies() -> None:
    """A comma would end up inside a value (RFC 9113 section 8.2.3)."""
    head, _ = parse_head(LINE + b"Cookie: a=b\r\nCookie: c=d\r\n\r\n", SETTINGS)
    assert head.headers[b"cookie"] == b"a=b; c=d"


@given(st.binary(max_size=60), st.integers(0, 200))
def test_any_bytes_in_a_head_are_read_or_refused_and_nothing_else(noise: bytes, at: int) -> None:
    whole = LINE + b"Content-Length: 7\r\nAccept: */*\r\n\r\n"
    at = min(at, len(whole))
    block = whole[:at] + noise + whole[at:]
    block = block[: block.find(b"\r\n\r\n") + 4]
    try:
        head, _ = parse_head(block, SETTINGS)
    except Refusal:
        return
    assert head.path.startswith("/")
    assert not any(c in value for value in head.headers.values() for c in (0, 10, 13))


@given(st.integers(0, 100))
def test_beginning_of_a_proper_head_is_never_refused(cut: int) -> None:
    whole = LINE + b"Content-Length: 7\r\nAccept: */*\r\n\r\n"
    check_partial(whole[: min(cut, len(whole) - 1)], SETTINGS)
