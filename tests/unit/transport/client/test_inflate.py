import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hx_gateway.core.errors import Garbled
from hx_gateway.transport.client.inflate import Inflater

MIB = 1024 * 1024


def inflate(
    data: bytes, encoding: bytes = b"gzip", *, step: int = 65536, most: int = 64 * MIB
) -> int:
    """Decode in pieces; gives the number of bytes."""
    inflater = Inflater(encoding, most)
    size = sum(len(inflater.feed(data[at : at + step])) for at in range(0, len(data), step))
    inflater.end()
    return size


@given(body=st.binary(max_size=2000), step=st.integers(1, 100))
def test_body_decodes_the_same_however_it_is_cut(body: bytes, step: int) -> None:
    for encoding, data in ((b"gzip", gzip.compress(body)), (b"Deflate", zlib.compress(body))):
        inflater = Inflater(encoding, MIB)
        pieces = [inflater.feed(data[at : at + step]) for at in range(0, len(data), step)]
        inflater.end()
        assert b"".join(pieces) == body


@pytest.mark.parametrize("step", [1, 100, 65536])
def test_bomb_is_refused_beyond_one_mebibyte(step: int) -> None:
    with pytest.raises(Garbled, match="grows too much"):
        inflate(gzip.compress(bytes(8 * MIB)), step=step)


def test_small_body_may_be_compressed_as_well_as_it_likes() -> None:
    assert inflate(gzip.compress(bytes(MIB))) == MIB


def test_output_is_capped_whatever_the_ratio() -> None:
    with pytest.raises(Garbled, match="grows too much"):
        inflate(gzip.compress(bytes(1000)), most=999)


@pytest.mark.parametrize(
    "data",
    [
        b"not compressed",
        gzip.compress(b"x" * 100, mtime=0)[:-1],
        gzip.compress(b"x" * 100, mtime=0) + b"more",
        zlib.compress(b"x"),
    ],
)
def test_body_that_is_not_one_gzip_member_is_refused(data: bytes) -> None:
    with pytest.raises(Garbled):
        inflate(data)


def test_empty_body_needs_no_trailer() -> None:
    Inflater(b"gzip", MIB).end()


@pytest.mark.parametrize("encoding", [b"br", b"zstd", b"gzip, gzip", b"x"])
def test_other_encodings_are_refused(encoding: bytes) -> None:
    with pytest.raises(Garbled):
        Inflater(encoding, MIB)
