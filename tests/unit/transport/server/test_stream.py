"""One answer in pieces, onto a transport that only notes."""

import asyncio
from collections.abc import Iterable

from hx_gateway.transport.server.encode import SMALL
from hx_gateway.transport.server.stream import Stream


class Notes(asyncio.Transport):
    """Keeps each write."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self.written.append(b"".join(bytes(each) for each in list_of_data))


def test_head_leaves_with_the_first_piece_of_any_size() -> None:
    for size in (1, SMALL + 1):
        notes = Notes()
        stream = Stream(notes, b"HEAD", None, is_chunked=True)
        stream.write(b"x" * size)
        stream.write(b"y")
        assert notes.written == [b"HEAD%x\r\n%b\r\n" % (size, b"x" * size), b"1\r\ny\r\n"]


def test_end_brings_the_head_of_an_empty_answer() -> None:
    notes = Notes()
    Stream(notes, b"HEAD", None, is_chunked=True).end()
    assert notes.written == [b"HEAD0\r\n\r\n"]


def test_heartbeat_is_a_chunk_and_stops_at_the_end() -> None:
    notes = Notes()
    stream = Stream(notes, b"", b": hi\n\n", is_chunked=True)
    stream.beat()
    stream.end()
    stream.beat()
    assert notes.written == [b"6\r\n: hi\n\n\r\n", b"0\r\n\r\n"]


def test_unframed_answer_is_only_its_bytes() -> None:
    notes = Notes()
    stream = Stream(notes, b"", None, is_chunked=False)
    stream.write(b"a")
    stream.end(b"z")
    assert b"".join(notes.written) == b"az"
