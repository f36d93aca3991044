"""Which pages of other origins may call us."""

import pytest

from hx_gateway.core.http import Request
from hx_gateway.web.cors import Cors

OURS = b"https://ours.test"


def head(**headers: bytes) -> Request:
    named = {name.replace("_", "-").encode(): value for name, value in headers.items()}
    return Request("OPTIONS", "/v1/models", "", named)


@pytest.mark.parametrize(
    ("origins", "origin", "allowed"),
    [
        ((), OURS, False),
        ((OURS.decode(),), OURS, True),
        ((OURS.decode(),), b"https://ours.test.evil", False),
        ((OURS.decode(),), b"http://ours.test", False),
        (("*",), b"https://anybody.test", True),
    ],
)
def test_only_named_origins_are_allowed(
    origins: tuple[str, ...], origin: bytes, allowed: bool
) -> None:
    headers = dict(Cors(origins).headers(head(origin=origin)))
    assert (headers.get(b"access-control-allow-origin") == origin) is allowed
    assert b"access-control-allow-credentials" not in headers


def test_a_request_without_an_origin_gets_no_headers() -> None:
    assert Cors(("*",)).headers(head()) == []


def test_preflight_repeats_the_headers_that_are_asked_for() -> None:
    cors = Cors((OURS.decode(),))
    answer = cors.preflight(head(origin=OURS, access_control_request_headers=b"authorization, x-a"))
    assert dict(answer.headers)[b"access-control-allow-headers"] == b"authorization, x-a"
    assert cors.preflight(head(origin=b"https://evil.test")).headers == []
