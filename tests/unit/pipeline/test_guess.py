"""Tokens that nobody told."""

import pytest
from msgspec import Raw

from hx_gateway.pipeline.guess import guess_usage


@pytest.mark.parametrize(
    ("field", "tokens"),
    [(b'"' + b"word " * 100 + b'"', 125), (b'{"data":"base64' + b"A" * 9000 + b' a b c"}', 4)],
)
def test_requests_are_guessed_by_their_size_but_pictures_are_not(field: bytes, tokens: int) -> None:
    usage = guess_usage({"messages": Raw(field)}, 7)
    assert (usage.input, usage.output) == (tokens, 7)
