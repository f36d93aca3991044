"""Faults by LiteLLM's names."""

import pytest

from hx_gateway.core.errors import (
    ContentRefused,
    ContextWindowExceeded,
    CredentialRefused,
    Garbled,
    ModelMissing,
    Overloaded,
    Rejected,
    Stalled,
    TimedOut,
    Unreachable,
    UpstreamError,
)
from hx_gateway.routing.kinds import Kind, kind_of


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Rejected("x", upstream_status=400), Kind.BAD_REQUEST),
        (ContextWindowExceeded("x"), Kind.BAD_REQUEST),
        (ContentRefused("x"), Kind.CONTENT_POLICY),
        (CredentialRefused("x", upstream_status=401), Kind.AUTHENTICATION),
        (ModelMissing("x", upstream_status=404), Kind.NOT_FOUND),
        (TimedOut("x"), Kind.TIMEOUT),
        (Stalled("x"), Kind.TIMEOUT),
        (Overloaded("x", upstream_status=408), Kind.TIMEOUT),
        (Overloaded("x", upstream_status=429), Kind.RATE_LIMIT),
        (Overloaded("x", upstream_status=500), Kind.INTERNAL_SERVER),
        (Overloaded("x", upstream_status=502), Kind.BAD_GATEWAY),
        (Overloaded("x", upstream_status=503), Kind.SERVICE_UNAVAILABLE),
        (Garbled("x"), Kind.BAD_GATEWAY),
        (Unreachable("x"), Kind.INTERNAL_SERVER),
    ],
)
def test_kind_of(fault: UpstreamError, kind: Kind) -> None:
    assert kind_of(fault) is kind
