"""Damaged answers: whatever an upstream sends, nothing but an UpstreamError comes out."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.golden import Case, answer_cases, decoded, pieces, recorded

from hx_gateway.core.errors import UpstreamError
from hx_gateway.core.provider import WayOut

CASES = [*answer_cases(stream=True), *answer_cases(stream=False)]
DAMAGE = [
    b"\x00", b"\xff", b"null", b"[]", b"{}", b'""', b"-1", b"1e999", b"[" * 3000, b"\n\n", b"\r",
    b"data: ", b'\\ud800', b'"error":', b"]}", b"true",
]  # fmt: skip


def damaged(body: bytes, hits: list[tuple[int, int, bytes]]) -> bytes:
    for place, length, bad in hits:
        start = place % (len(body) + 1)
        body = body[:start] + bad + body[start + length :]
    return body


def ask(out: WayOut, body: bytes, cuts: list[int]) -> None:
    """Hand a body to everything that reads bodies."""
    for read in (out.decode, out.usage):
        with suppress(UpstreamError):
            read(body)
    for passage in (out.decoder(), out.relay(wants_usage=False)):
        with suppress(UpstreamError):
            for piece in pieces(body, cuts):
                passage.feed(piece)
            passage.end()
    for status in (400, 429, 500):
        assert isinstance(out.fault(status, {b"retry-after": body[:9]}, body), UpstreamError)


@pytest.mark.parametrize("case", CASES, ids=str)
@settings(max_examples=15, deadline=None)
@given(
    hits=st.lists(
        st.tuples(
            st.integers(min_value=0, max_value=1 << 16),
            st.integers(min_value=0, max_value=40),
            st.sampled_from(DAMAGE),
        ),
        min_size=1,
        max_size=4,
    ),
    cuts=st.lists(st.integers(min_value=0, max_value=1 << 16), max_size=4),
)
def test_damage_is_an_upstream_error_and_nothing_else(
    case: Case, hits: list[tuple[int, int, bytes]], cuts: list[int]
) -> None:
    _, _, body = recorded(case.path("response.http"))
    ask(case.out, damaged(body, hits), cuts)


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("case", answer_cases(stream=True), ids=str)
def test_what_follows_the_end_of_an_answer_is_of_no_account(case: Case, apart: bool) -> None:
    _, _, body = recorded(case.path("response.http"))
    rest = b'data: {garbage\n\n{"more'
    sent = [body, rest] if apart else [body + rest]
    decoder, relay = case.out.decoder(), case.out.relay(wants_usage=True)
    passed: list[bytes] = []
    with suppress(UpstreamError):  # once the answer is over, nobody is told of a fault
        passed += [relay.feed(piece) for piece in sent]
    with suppress(UpstreamError):
        assert decoded(decoder, sent) == decoded(case.out.decoder(), [body])
    assert decoder.over
    assert relay.over
    assert b"".join(passed).startswith(body)
