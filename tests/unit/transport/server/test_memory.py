"""Heads that were read before are read the same again."""

import pytest

from hx_gateway.core.snapshot import ServerSettings
from hx_gateway.transport.server.head import parse_head
from hx_gateway.transport.server.memory import MAX_HEADS, HeadMemory
from hx_gateway.transport.server.refusal import Refusal

SETTINGS = ServerSettings()
POST = b"POST /v1/x?q=1 HTTP/1.1\r\nHost: a\r\nX-Name: b\r\n"
HEADS = [
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    POST + b"Content-Length: 5\r\n\r\n",
    POST + b"Content-Length: 77\r\n\r\n",
    POST + b"content-length: 0\r\nConnection: close\r\n\r\n",
    POST + b"Transfer-Encoding: chunked\r\n\r\n",
    POST + b"X-Content-Length: 9\r\n\r\n",
    POST + b"X-Strength: 9\r\nContent-Length: 12\r\n\r\n",
    POST + b"Content-Length: 12\r\nExpect: 100-continue\r\n\r\n",
    b"GET / HTTP/1.0\r\n\r\n",
    POST + b"X-Long: " + b"x" * 5000 + b"\r\nContent-Length: 3\r\n\r\n",
]
BAD = [
    POST + b"Content-Length: \r\n\r\n",
    POST + b"Content-Length: #\r\n\r\n",
    POST + b"Content-Length: 5, 5\r\n\r\n",
    POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\n",
    POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
    POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    POST + b"Content-Length: +5\r\n\r\n",
    POST + b"Content-Length: 1234567890123456\r\n\r\n",
    POST + b"Content-Length : 5\r\n\r\n",
]


@pytest.mark.parametrize("block", HEADS)
def test_a_known_head_is_read_as_a_new_one(block: bytes) -> None:
    memory = HeadMemory(SETTINGS)
    for other in HEADS:
        memory.read(other)
    for _ in range(2):
        known = memory.read(block)
        length, end = known.starts(block + b"a body")
        assert end == len(block)
        head = known.request(length, "192.0.2.1", 5.0)
        fresh, expected = parse_head(block, SETTINGS)
        assert (known.framing, head.length) == (expected, fresh.length)
        assert (head.method, head.path, head.query, head.headers, head.peer, head.received_at) == (
            fresh.method,
            fresh.path,
            fresh.query,
            fresh.headers,
            "192.0.2.1",
            5.0,
        )


@pytest.mark.parametrize("block", BAD)
def test_what_is_refused_is_refused_after_good_ones_too(block: bytes) -> None:
    """A head with digits must not stand in for one without, nor for one with two lengths."""
    memory = HeadMemory(SETTINGS)
    for other in HEADS:
        memory.read(other)
    for _ in range(2):
        with pytest.raises(Refusal):
            memory.read(block)


def test_requests_share_a_memo_when_all_but_the_length_is_the_same() -> None:
    memory = HeadMemory(SETTINGS)
    first, second, other = (memory.read(HEADS[n]).request(0, "", 1.0) for n in (1, 2, 3))
    assert first.memo is second.memo
    assert first.memo is not other.memo
    first.body = b"mine"
    assert second.body == b""


def test_heads_that_never_repeat_do_not_fill_the_memory() -> None:
    memory = HeadMemory(SETTINGS)
    for n in range(3 * MAX_HEADS):
        memory.read(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % n)
    assert len(memory._whole) <= MAX_HEADS


@pytest.mark.parametrize("block", HEADS)
def test_only_the_very_same_head_is_known_again_at_any_cut(block: bytes) -> None:
    memory = HeadMemory(SETTINGS)
    known = memory.read(block)
    for end in range(len(block)):
        assert known.starts(block[:end]) == (None, 0)
    for at in range(len(block) - 4):  # a byte that is different, wherever it is
        other = block[:at] + b"\x01" + block[at + 1 :]
        assert known.starts(other) == (None, 0)


@pytest.mark.parametrize("length", [b"", b"+5", b"5 ", b"5, 5", b"0x5", b"1" * 16, b"\xb2"])
def test_a_length_that_is_no_plain_number_is_another_head(length: bytes) -> None:
    known = HeadMemory(SETTINGS).read(HEADS[1])
    block = POST + b"Content-Length: %b\r\n\r\n"
    assert known.starts(block % b"1234") == (1234, len(block % b"1234"))
    assert known.starts(block % length) == (None, 0)
