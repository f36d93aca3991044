from typing import Any

import pytest

from hx_gateway.app.probe import Said, origin_of, standing_of

CHECKS = [{"name": "database", "verdict": "fail", "detail": "PostgreSQL: schema missing."}]


@pytest.mark.parametrize(
    ("status", "value", "line"),
    [
        (200, {"status": "ready", "missing": [], "checks": []}, "serving"),
        (200, {"status": "degraded", "missing": ["redis"], "checks": []}, "degraded: redis"),
        (
            503,
            {"status": "not ready", "missing": ["database", "redis"], "checks": []},
            "degraded: database, redis",
        ),
        (503, {"status": "not ready", "missing": ["database"], "checks": CHECKS}, "schema-missing"),
        (503, {"status": "draining", "missing": [], "checks": []}, "draining"),
        (503, {"error": {}, "phase": "opening the store"}, "preparing: opening the store"),
        (404, None, "degraded: readiness answers 404"),
        (404, ["a list"], "degraded: readiness answers 404"),
    ],
)
def test_a_standing_is_one_line(status: int, value: Any, line: str) -> None:
    assert str(standing_of(Said(status=status, value=value))) == line


@pytest.mark.parametrize(
    ("host", "speaks_tls", "scheme", "verifies"),
    [
        ("127.0.0.1", False, "http", False),
        ("0.0.0.0", True, "https", False),
        ("::", True, "https", False),
        ("gateway.example", True, "https", True),
    ],
)
def test_a_gateway_is_asked_as_it_speaks(
    host: str, speaks_tls: bool, scheme: str, verifies: bool
) -> None:
    """A key goes along: elsewhere than on this machine the certificate is looked at."""
    origin = origin_of(host, 4000, speaks_tls=speaks_tls)
    assert (origin.scheme, origin.port, origin.verify_tls) == (scheme, 4000, verifies)
    assert origin.host not in {"0.0.0.0", "::"}
