"""A client's headers go on only where that was configured, and never a credential among them."""

import pytest
from tests.support.calls import ask, call
from tests.support.deployments import deployment

from hx_gateway.adapter.passing import passable, with_passed
from hx_gateway.core.call import Hints

OWN = ((b"content-type", b"application/json"), (b"X-Title", b"ours"), (b"x-goog-api-key", b"k"))


@pytest.mark.parametrize(
    "name",
    [
        b"x-trace-id", b"x-b3-traceid", b"x-request-id", b"x-title", b"x-session-id",
        b"x-claude-code-session-id", b"x-idempotency-key", b"x-tenant", b"x-author-name",
        b"x-zip", b"x-keyboard",
    ],
)  # fmt: skip
def test_what_says_something_of_the_call_may_go_on(name: bytes) -> None:
    assert passable({name: b"value"}) == ((name, b"value"),)


@pytest.mark.parametrize(
    "name",
    [
        # who the client is
        b"authorization", b"proxy-authorization", b"cookie", b"x-api-key", b"x-litellm-api-key",
        b"x-goog-api-key", b"x-hx-admin-key", b"x-functions-key", b"x-auth-token", b"x-authorization",
        b"x-amz-security-token", b"x-csrf-token", b"x-cookie", b"x-secret", b"x-password",
        b"x-session", b"x-jwt-assertion", b"x-goog-iap-jwt-assertion", b"x-auth-request-user",
        b"x-forwarded-access-token", b"x-apikey", b"x_api_key", b"x-client-cert", b"x-ssl-client-dn",
        b"x-hub-signature-256", b"api-key", b"ocp-apim-subscription-key",
        # where it comes from, or through
        b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-client-cert", b"x-real-ip",
        b"x-client-ip", b"x-remote-user", b"x-original-url", b"x-rewrite-url", b"forwarded", b"via",
        # to the gateway, or of the client's library
        b"x-litellm-tags", b"x-litellm-timeout", b"x-stainless-os", b"x-hx-model-group",
        # orders
        b"x-http-method-override", b"x-method-override",
        # between two neighbours
        b"connection", b"transfer-encoding", b"te", b"upgrade", b"keep-alive", b"host",
        b"content-length", b"content-type", b"accept", b"user-agent",
    ],
)  # fmt: skip
def test_nothing_else_may(name: bytes) -> None:
    assert passable({name: b"value"}) == ()


def test_what_is_meant_for_the_next_one_only_stays_here() -> None:
    headers = {b"connection": b"close, X-Trace", b"x-trace": b"1", b"x-other": b"2"}
    assert passable(headers) == ((b"x-other", b"2"),)


def test_the_header_that_brings_keys_stays_here_whatever_it_is_called() -> None:
    assert passable({b"x-our-door": b"sk-1"}, b"x-our-door") == ()
    assert passable({b"x-our-door": b"sk-1"}) != ()  # the control


@pytest.mark.parametrize("value", [b"a\r\nx-evil: 1", b"a\nb", b"a\x00b", b"\x7f"])
def test_a_value_that_would_not_stay_one_header_is_left_out(value: bytes) -> None:
    assert passable({b"x-trace": value}) == ()


def test_only_deployments_that_are_sent_headers_get_them() -> None:
    asked = call({}, hints=Hints(headers=((b"x-trace", b"1"),)))
    assert with_passed(OWN, asked, deployment("a")) == OWN
    assert with_passed(OWN, ask(), deployment("a", passes_headers=True)) == OWN
    sent = with_passed(OWN, asked, deployment("a", passes_headers=True))
    assert sent == (*OWN, (b"x-trace", b"1"))


def test_no_header_of_the_gateways_own_is_replaced_or_doubled() -> None:
    asked = call({}, hints=Hints(headers=((b"x-title", b"theirs"), (b"x-goog-api-key", b"stolen"))))
    assert with_passed(OWN, asked, deployment("a", passes_headers=True)) == OWN
