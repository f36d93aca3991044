import pytest

from hx_gateway.core.errors import Garbled
from hx_gateway.dialects.ndjson import MAX_LINE, LineParser, WholeLines


def test_every_cut_gives_the_same_lines() -> None:
    wire = b'{"a":1}\r\n\n  {"b":2}\n{"c":3}'
    for cut in range(len(wire)):
        parser = LineParser()
        lines = [*parser.feed(wire[:cut]), *parser.feed(wire[cut:]), *parser.end()]
        assert lines == [b'{"a":1}', b'{"b":2}', b'{"c":3}']


def test_a_line_over_the_limit_is_garbled() -> None:
    with pytest.raises(Garbled):
        LineParser().feed(b"x" * (MAX_LINE + 1) + b"\n")
    parser = LineParser()
    parser.feed(b"x" * MAX_LINE)
    with pytest.raises(Garbled):
        parser.feed(b"x")


def test_half_a_line_is_held_back() -> None:
    lines = WholeLines()
    assert lines.feed(b"one\ntw") == b"one\n"
    assert lines.feed(b"o") == b""
    assert lines.feed(b"\n") == b"two\n"
