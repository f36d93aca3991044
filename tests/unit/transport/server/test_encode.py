"""Heads and chunks of answers."""

import pytest

from hx_gateway.core.http import Header, Response, SplitHeader
from hx_gateway.transport.server.encode import (
    common_fields,
    encode_chunk,
    encode_head,
)

COMMON = common_fields(0.0)


def fields(response: Response, length: int | None = 0) -> list[bytes]:
    head = encode_head(response, COMMON, keep_alive=True, length=length)
    return head.removesuffix(b"\r\n\r\n").split(b"\r\n")


def test_common_fields_are_a_date_and_the_security_fields() -> None:
    assert COMMON.split(b"\r\n")[0] == b"date: Thu, 01 Jan 1970 00:00:00 GMT"
    assert COMMON.count(b"\r\n") == 4


@pytest.mark.parametrize(
    ("length", "last"),
    [(0, b"content-length: 0"), (7, b"content-length: 7"), (None, b"transfer-encoding: chunked")],
)
def test_framing_is_the_last_field(length: int | None, last: bytes) -> None:
    assert fields(Response(200), length)[-1] == last


def test_no_framing_when_there_is_no_body() -> None:
    head = encode_head(Response(204), COMMON, keep_alive=False, length=-1)
    assert head.endswith(b"connection: close\r\n\r\n")
    assert b"length" not in head


def test_own_security_field_replaces_the_default_one() -> None:
    own = (b"content-security-policy", b"default-src 'self'")
    found = [f for f in fields(Response(200, headers=[own])) if f.startswith(b"content-security")]
    assert found == [b"content-security-policy: default-src 'self'"]


@pytest.mark.parametrize("name", [b"content-length", b"transfer-encoding", b"connection", b"date"])
def test_framing_fields_of_the_application_are_dropped(name: bytes) -> None:
    assert b"%b: own" % name not in fields(Response(200, headers=[(name, b"own")]))


@pytest.mark.parametrize(
    "header", [(b"a", b"b\r\nc: d"), (b"a", b"b\nc"), (b"a\r", b"b"), (b"a", b"\r")]
)
def test_header_cannot_break_out_of_its_line(header: Header) -> None:
    with pytest.raises(SplitHeader):
        fields(Response(200, headers=[header]))


def test_unknown_status_is_still_a_status_line() -> None:
    assert fields(Response(599))[0] == b"HTTP/1.1 599 Unknown"


def test_chunk_has_its_size_in_hexadecimal() -> None:
    assert encode_chunk(b"x" * 26) == b"1a\r\n" + b"x" * 26 + b"\r\n"
