import msgspec
import pytest

from hx_gateway.adapter import NoAuth, Provider
from hx_gateway.adapter.headers import client_headers
from hx_gateway.core.http import Header

ACME = Provider(
    name="acme",
    base_url=None,
    auth=NoAuth(),
    speaks={},
    headers=((b"acme-version", b"1"),),
    client_headers={b"acme-version": None, b"acme-beta": frozenset({b"a", b"b"})},
)


@pytest.mark.parametrize(
    ("sent", "kept", "notes"),
    [
        ({}, ((b"acme-version", b"1"),), ()),
        ({b"acme-version": b"2"}, ((b"acme-version", b"2"),), ()),
        ({b"cookie": b"x"}, ((b"acme-version", b"1"),), ()),
        ({b"acme-beta": b"a, b"}, ((b"acme-beta", b"a,b"), (b"acme-version", b"1")), ()),
        (
            {b"acme-beta": b"a,new-2030"},
            ((b"acme-beta", b"a"), (b"acme-version", b"1")),
            ("drop:acme-beta=new-2030",),
        ),
        ({b"acme-beta": b"new-2030"}, ((b"acme-version", b"1"),), ("drop:acme-beta=new-2030",)),
        ({b"acme-beta": b"A \xff"}, ((b"acme-version", b"1"),), ("drop:acme-beta",)),
    ],
)
def test_only_listed_headers_and_values_go_on(
    sent: dict[bytes, bytes], kept: tuple[Header, ...], notes: tuple[str, ...]
) -> None:
    assert client_headers(ACME, sent) == (kept, notes)


def test_a_vendor_without_a_list_gets_nothing_of_the_clients() -> None:
    provider = msgspec.structs.replace(ACME, client_headers={}, headers=())
    assert client_headers(provider, {b"acme-beta": b"a"}) == ((), ())
