import pytest

from hx_gateway.adapter import ApiKeyHeader, Bearer, NoAuth
from hx_gateway.core.http import Header
from hx_gateway.core.provider import Auth
from hx_gateway.core.secret import Secret


@pytest.mark.parametrize(
    ("auth", "headers"),
    [
        (Bearer(), ((b"authorization", b"Bearer k"),)),
        (ApiKeyHeader(b"x-api-key"), ((b"x-api-key", b"k"),)),
        (NoAuth(), ()),
    ],
)
def test_a_credential_is_shown_as_the_vendor_wants(auth: Auth, headers: tuple[Header, ...]) -> None:
    assert auth.headers(Secret("k")) == headers
    assert auth.headers(None) == ()
    assert auth.headers(Secret("")) == ()
