"""Bodies off the wire, however they are cut."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hx_gateway.core.errors import RequestError, TooLarge
from hx_gateway.transport.server.body import BodyDecoder, ChunkedBody, SizedBody

CHUNKED = b"3\r\nabc\r\n5;x=y\r\ndefgh\r\n0\r\nA: b\r\n\r\nNEXT"


def pieces(wire: bytes, cuts: list[int]) -> list[bytes]:
    points = [0, *sorted({cut % (len(wire) + 1) for cut in cuts}), len(wire)]
    return [wire[a:b] for a, b in pairwise(points)]


def take(decoder: BodyDecoder, parts: list[bytes]) -> tuple[bytes, bytes]:
    """Feed until the end; gives the body and what is left of all parts."""
    body = b""
    for number, part in enumerate(parts):
        body += decoder.feed(part)
        if decoder.is_done:
            return body, decoder.rest + b"".join(parts[number + 1 :])
    raise AssertionError("the body has no end")


@given(st.lists(st.integers(0, 60)))
def test_chunked_body_is_the_same_however_it_is_cut(cuts: list[int]) -> None:
    assert take(ChunkedBody(100), pieces(CHUNKED, cuts)) == (b"abcdefgh", b"NEXT")


@given(st.lists(st.integers(0, 60)))
def test_sized_body_is_the_same_however_it_is_cut(cuts: list[int]) -> None:
    assert take(SizedBody(8), pieces(b"abcdefghNEXT", cuts)) == (b"abcdefgh", b"NEXT")


@given(st.binary(max_size=40), st.lists(st.integers(0, 60)))
def test_verdict_on_noise_does_not_depend_on_cuts(noise: bytes, cuts: list[int]) -> None:
    wire = b"3\r\nabc\r\n" + noise + b"\r\n0\r\n\r\n"

    def verdict(parts: list[bytes]) -> tuple[bytes, bytes] | type[Exception]:
        try:
            return take(ChunkedBody(1000), parts)
        except (RequestError, AssertionError) as error:
            return RequestError if isinstance(error, RequestError) else AssertionError

    whole = verdict([wire])
    cut = verdict(pieces(wire, cuts))
    # A cut body may be judged earlier or later, but is never taken as another one.
    assert cut == whole or isinstance(cut, type) or isinstance(whole, type)
    if not isinstance(whole, type):
        assert cut == whole


def test_size_is_counted_over_all_chunks() -> None:
    chunk = b"8\r\nabcdefgh\r\n"
    assert ChunkedBody(16).feed(chunk * 2) == b"abcdefgh" * 2
    with pytest.raises(TooLarge):
        ChunkedBody(15).feed(chunk * 2)


def test_chunk_sizes_are_refused_before_the_chunk_has_arrived() -> None:
    with pytest.raises(TooLarge):
        ChunkedBody(10).feed(b"b\r\n")
