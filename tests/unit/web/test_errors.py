"""An error's status, body and headers."""

import logging

import msgspec
import pytest

from hx_gateway.core.errors import (
    BudgetExceeded,
    DependencyError,
    GatewayError,
    MethodNotAllowed,
    Overspent,
    RateLimited,
    Unauthenticated,
    UnknownModel,
)
from hx_gateway.web.errors import error_response, internal_error


@pytest.mark.parametrize(
    ("error", "status", "header"),
    [
        (Unauthenticated("no"), 401, (b"www-authenticate", b"Bearer")),
        (Unauthenticated("no"), 401, (b"x-should-retry", b"false")),
        (BudgetExceeded("no"), 429, (b"x-should-retry", b"false")),
        (Overspent("no"), 429, (b"x-should-retry", b"false")),
        (UnknownModel("no"), 404, (b"x-litellm-call-id", b"r-1")),
        (RateLimited("slow down", retry_after_s=3.2), 429, (b"retry-after", b"3")),
        (RateLimited("slow down", retry_after_s=0.01), 429, (b"retry-after", b"1")),
        (DependencyError("PostgreSQL"), 503, (b"retry-after", b"2")),
        (MethodNotAllowed("no", allow=("GET", "HEAD")), 405, (b"allow", b"GET, HEAD")),
        (UnknownModel("no", status=400), 400, (b"content-type", b"application/json")),
    ],
)
def test_the_status_brings_its_headers(
    error: GatewayError, status: int, header: tuple[bytes, bytes]
) -> None:
    response = error_response(error, "r-1")
    assert response.status == status
    assert header in response.headers


@pytest.mark.parametrize("dialect", ["openai_chat", "anthropic_messages"])
def test_what_nobody_expected_shows_only_an_id(
    dialect: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        response = internal_error(ValueError("secret detail"), "r-77", dialect)
    assert response.status == 500
    assert b"secret detail" not in response.body
    assert b"r-77" in response.body
    assert "secret detail" in caplog.text
    body = msgspec.json.decode(response.body)
    assert body["error"]["message"]
    assert (body.get("type") == "error") is (dialect == "anthropic_messages")
