import pytest

from hx_gateway.core.errors import Garbled
from hx_gateway.core.event import Event, TextDelta
from hx_gateway.dialects import whole


def test_the_answer_is_read_at_its_end() -> None:
    decoder = whole.WholeDecoder(lambda body: [TextDelta(text=body.decode())])
    assert decoder.feed(b"a") == decoder.feed(b"b") == []
    assert decoder.end() == [TextDelta(text="ab")]


def test_an_endless_answer_is_garbled() -> None:
    decoder = whole.WholeDecoder(lambda body: [])
    decoder.feed(b"x" * whole.MAX_ANSWER)
    with pytest.raises(Garbled):
        decoder.feed(b"x")


def test_the_answer_is_written_at_its_end() -> None:
    def count(events: list[Event]) -> bytes:
        return str(len(events)).encode()

    writer = whole.WholeWriter(count)
    assert writer.write([TextDelta(text="a")]) + writer.write([TextDelta(text="b")]) == b""
    assert writer.end() == b"2"
