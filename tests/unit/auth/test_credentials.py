"""Where the key is read: one order, whatever an SDK or a proxy adds."""

import pytest

from hx_gateway.auth.credentials import read_key

ALL = {
    b"x-own": b"k0",
    b"x-litellm-api-key": b"k1",
    b"authorization": b"Bearer k2",
    b"api-key": b"k3",
    b"x-api-key": b"k4",
    b"x-goog-api-key": b"k5",
}


def test_the_first_header_in_order_wins() -> None:
    left = dict(ALL)
    found = []
    for name in ALL:
        found.append(read_key(left, b"x-own"))
        del left[name]
    assert found == [b"k0", b"k1", b"k2", b"k3", b"k4", b"k5"]
    assert read_key(left, b"x-own") is None


def test_a_header_counts_as_own_only_when_configured() -> None:
    assert read_key({b"x-own": b"k0"}) is None


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ({b"authorization": b"Bearer k"}, b"k"),
        ({b"authorization": b"bearer k"}, b"k"),
        ({b"authorization": b"BEARER    k  "}, b"k"),
        ({b"authorization": b"Bearer K"}, b"K"),
        ({b"x-litellm-api-key": b"Bearer k"}, b"k"),
        ({b"authorization": b"Bearer "}, None),
        ({b"authorization": b"Bearer"}, None),
        ({b"authorization": b"k"}, None),
        ({b"authorization": b"Basic dXNlcjpwYXNz"}, None),
        ({b"authorization": b"Basic dXNlcjpwYXNz", b"x-api-key": b"k"}, b"k"),
        ({b"x-litellm-api-key": b"", b"authorization": b"Bearer k"}, b"k"),
        ({b"x-api-key": b"  "}, None),
        ({}, None),
    ],
)
def test_key_is_read(headers: dict[bytes, bytes], key: bytes | None) -> None:
    assert read_key(headers) == key
