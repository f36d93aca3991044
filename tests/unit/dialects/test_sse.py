import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw
from tests.support.golden import pieces

from hx_gateway.core.errors import Garbled
from hx_gateway.dialects import sse

STREAMS = [
    (b"data: a\n\n", [(b"", b"a")]),
    (b"data:a\n\n", [(b"", b"a")]),
    (b"data:  a\n\n", [(b"", b" a")]),
    (b"data: a\r\n\r\ndata: b\r\n\r\n", [(b"", b"a"), (b"", b"b")]),
    (b"data: a\r\rdata: b\r\r", [(b"", b"a"), (b"", b"b")]),
    (b"data: a\ndata: b\n\n", [(b"", b"a\nb")]),
    (b"data\ndata\n\n", [(b"", b"\n")]),
    (b"\xef\xbb\xbfdata: a\n\n", [(b"", b"a")]),
    (b": hi\n\ndata: a\n\n", [(b"", b"a")]),
    (b"event: ping\ndata: {}\n\ndata: b\n\n", [(b"ping", b"{}"), (b"", b"b")]),
    (b"event: lost\n\ndata: b\n\n", [(b"", b"b")]),
    (b"id: 7\nretry: 3\ndata: a\nnonsense\n\n", [(b"", b"a")]),
    (b"\n\n\ndata: a\n\n\n\ndata: b\n\n", [(b"", b"a"), (b"", b"b")]),
    (b"data: a\n\ndata: unfinished\n", [(b"", b"a")]),
]


def parsed(cut: list[bytes]) -> list[sse.SseEvent]:
    parser = sse.SseParser()
    return [event for piece in cut for event in parser.feed(piece)]


@pytest.mark.parametrize(("wire", "events"), STREAMS)
def test_events_are_read(wire: bytes, events: list[sse.SseEvent]) -> None:
    assert parsed([wire]) == events


@pytest.mark.parametrize(("wire", "events"), STREAMS)
def test_every_cut_gives_the_same_events(wire: bytes, events: list[sse.SseEvent]) -> None:
    for first in range(len(wire) + 1):
        for second in range(first, len(wire) + 1):
            assert parsed([wire[:first], wire[first:second], wire[second:]]) == events


@given(
    parts=st.lists(
        st.sampled_from([b"data: x", b"event: e", b"\n", b"\r\n", b"\r", b": c", b"data"])
    ),
    cuts=st.lists(st.integers(min_value=0, max_value=200)),
)
def test_random_streams_do_not_depend_on_their_cuts(parts: list[bytes], cuts: list[int]) -> None:
    wire = b"".join(parts)
    assert parsed(pieces(wire, cuts)) == parsed([wire])


@given(
    parts=st.lists(
        st.sampled_from([b"data: x", b": c", b"\n\n", b"\r\n\r\n", b"\n", b"data: y\n"])
    ),
    cuts=st.lists(st.integers(min_value=0, max_value=200)),
)
def test_what_passes_is_whole_and_in_order(parts: list[bytes], cuts: list[int]) -> None:
    wire = b"".join(parts)
    events = sse.WholeEvents()
    passed = [events.feed(piece) for piece in pieces(wire, cuts)]
    assert wire.startswith(b"".join(passed))
    assert all(piece.endswith((b"\n\n", b"\r\n\r\n", b"\n\r\n")) for piece in passed if piece)
    assert parsed([b"".join(passed)]) == parsed([wire])
    assert b"".join(sse.split(b"".join(passed))) == b"".join(passed)


def test_a_line_over_the_limit_is_garbled_and_at_the_limit_is_not() -> None:
    assert parsed([b"data: " + b"x" * (sse.MAX_LINE - 6) + b"\n\n"])
    with pytest.raises(Garbled):
        parsed([b"data: " + b"x" * (sse.MAX_LINE + 1) + b"\n\n"])
    with pytest.raises(Garbled):
        parsed([b"x" * 100_000] * 11)


def test_an_event_over_the_limit_is_garbled() -> None:
    line = b"data: " + b"x" * (sse.MAX_LINE - 6) + b"\n"
    with pytest.raises(Garbled):
        parsed([line] * 5)
    events = sse.WholeEvents()
    assert events.feed(line * 3) == b""
    with pytest.raises(Garbled):
        events.feed(line * 2)


def test_a_piece_of_whole_events_is_passed_without_a_copy() -> None:
    piece = b"data: a\n\n"
    assert sse.WholeEvents().feed(piece) is piece


@pytest.mark.parametrize(
    ("event", "data"),
    [(b"data: a\ndata:b\n\n", b"a\nb"), (b": c\n\n", b""), (b"event: x\r\ndata: y\r\n\r\n", b"y")],
)
def test_data_of_one_event(event: bytes, data: bytes) -> None:
    assert sse.data_of(event) == data


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'{"a": 1}', b'{"a": 1}'),
        (b'{\n "a": 1\n}', b'{"a":1}'),
        (b"[\r1]", b"[1]"),
        (b'["\xff",\n1]', b"null"),
    ],
)
def test_json_is_put_on_one_line(before: bytes, after: bytes) -> None:
    assert bytes(sse.one_line(Raw(before))) == after


@pytest.mark.parametrize("cut", range(1, 40))
def test_without_data_it_is_no_event(cut: int) -> None:
    """Symptom: `data:` alone, as some servers write to keep a connection, ended a good answer."""
    stream = b"data: a\n\ndata:\n\ndata: \n\ndata\n\nevent: x\ndata: \n\nevent: y\n\ndata: b\n\n"
    parser = sse.SseParser()
    events = [*parser.feed(b"data: 0\n\n"), *parser.feed(stream[:cut]), *parser.feed(stream[cut:])]
    assert events == [(b"", b"0"), (b"", b"a"), (b"", b"b")]
