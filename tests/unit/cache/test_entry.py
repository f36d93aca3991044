import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hx_gateway.cache.entry import Entry, sealed, unsealed
from hx_gateway.core.usage import Usage

ENTRY = Entry(
    tenant="t", dialect="openai_chat", body=b'{"a":1}', created_at=5.0, usage=Usage(input=1)
)


def test_an_entry_comes_back_as_it_was() -> None:
    assert unsealed(sealed(ENTRY), tenant="t", dialect="openai_chat") == ENTRY


@pytest.mark.parametrize(("tenant", "dialect"), [("u", "openai_chat"), ("t", "other")])
def test_another_tenant_or_format_gets_nothing(tenant: str, dialect: str) -> None:
    assert unsealed(sealed(ENTRY), tenant=tenant, dialect=dialect) is None


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_a_changed_byte_makes_it_nothing(place: int, change: int) -> None:
    data = bytearray(sealed(ENTRY))
    data[place % len(data)] ^= change
    assert unsealed(bytes(data), tenant="t", dialect="openai_chat") is None


@given(st.binary(max_size=200))
def test_any_bytes_are_read_without_an_error(data: bytes) -> None:
    assert unsealed(data, tenant="t", dialect="openai_chat") is None


def test_an_entry_of_another_release_is_nothing() -> None:
    class Other(msgspec.Struct):
        tenant: int = 5

    class Sealable(Entry, frozen=True, kw_only=True):
        pass

    assert sealed(ENTRY)[:4] == b"HXA1"
    assert unsealed(b"HXA0" + sealed(ENTRY)[4:], tenant="t", dialect="openai_chat") is None
