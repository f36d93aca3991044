"""Paths: decoded once, never repaired."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hx_gateway.transport.server.refusal import Refusal
from hx_gateway.transport.server.target import split_target


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"/", "/", ""),
        (b"/a?b", "/a", "b"),
        (b"/a?b?c", "/a", "b?c"),
        (b"/a%3Fb", "/a?b", ""),
        (b"/%41", "/A", ""),
        (b"/%2541", "/%41", ""),
        (b"http://gw/a?b", "/a", "b"),
        (b"HTTP://GW/a", "/a", ""),
    ],
)
def test_target_is_split_and_decoded_once(target: bytes, path: str, query: str) -> None:
    assert split_target(target, b"gw") == (path, query)


def test_absolute_form_without_host_is_refused() -> None:
    with pytest.raises(Refusal):
        split_target(b"http://gw/a", None)


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30))
def test_encoded_path_comes_back_as_it_was_or_is_refused_for_its_dots(text: str) -> None:
    encoded = b"/" + b"".join(b"%%%02x" % byte for byte in text.encode())
    try:
        assert split_target(encoded, None) == (f"/{text}", "")
    except Refusal:
        assert not {".", ".."}.isdisjoint(text.split("/"))
