"""Kinds of faults, by LiteLLM's names: what its retry and cooldown policies are written in."""

from enum import StrEnum

from hx_gateway.core.errors import (
    ContentRefused,
    CredentialRefused,
    Garbled,
    ModelMissing,
    Rejected,
    TimedOut,
    UpstreamError,
)


class Kind(StrEnum):
    """A kind of fault; `{kind}ErrorRetries` and `{kind}ErrorAllowedFails` are the settings."""

    BAD_REQUEST = "BadRequest"
    AUTHENTICATION = "Authentication"
    TIMEOUT = "Timeout"
    RATE_LIMIT = "RateLimit"
    CONTENT_POLICY = "ContentPolicyViolation"
    INTERNAL_SERVER = "InternalServer"
    SERVICE_UNAVAILABLE = "ServiceUnavailable"
    BAD_GATEWAY = "BadGateway"
    NOT_FOUND = "NotFound"


_BY_STATUS = {
    408: Kind.TIMEOUT,
    429: Kind.RATE_LIMIT,
    502: Kind.BAD_GATEWAY,
    503: Kind.SERVICE_UNAVAILABLE,
    504: Kind.TIMEOUT,
}
# The first that fits; a subclass stands before its parent.
_BY_CLASS = (
    (ContentRefused, Kind.CONTENT_POLICY),
    (Rejected, Kind.BAD_REQUEST),
    (CredentialRefused, Kind.AUTHENTICATION),
    (ModelMissing, Kind.NOT_FOUND),
    (TimedOut, Kind.TIMEOUT),
    (Garbled, Kind.BAD_GATEWAY),
)


def kind_of(fault: UpstreamError) -> Kind:
    """Name the kind of a fault; whoever cannot be reached counts as a broken server."""
    for class_, kind in _BY_CLASS:
        if isinstance(fault, class_):
            return kind
    return _BY_STATUS.get(fault.upstream_status or 500, Kind.INTERNAL_SERVER)
