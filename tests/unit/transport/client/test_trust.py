import ssl

from hx_gateway.core.http import Origin
from hx_gateway.transport.client.trust import Trust

HTTPS = Origin(scheme="https", host="upstream", port=443)
UNVERIFIED = Origin(scheme="https", host="upstream", port=443, verify_tls=False)


def test_certificates_are_checked_unless_the_origin_says_otherwise() -> None:
    trust = Trust()
    strict, lax = trust.context(HTTPS), trust.context(UNVERIFIED)
    assert strict is not None
    assert lax is not None
    assert (strict.verify_mode, strict.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert (lax.verify_mode, lax.check_hostname) == (ssl.CERT_NONE, False)
    assert strict.minimum_version == lax.minimum_version == ssl.TLSVersion.TLSv1_2


def test_contexts_are_made_once_and_not_for_plain_http() -> None:
    trust = Trust()
    assert trust.context(HTTPS) is trust.context(HTTPS)
    assert trust.context(UNVERIFIED) is trust.context(UNVERIFIED)
    assert trust.context(Origin(host="upstream")) is None
