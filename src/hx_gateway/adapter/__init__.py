"""The kit that provider files are made from: credentials and quirks."""

from hx_gateway.adapter.auth import ApiKeyHeader, Bearer, NoAuth
from hx_gateway.adapter.quirks import clamp, drop, rename, set_default
from hx_gateway.core.provider import Provider

__all__ = [
    "ApiKeyHeader",
    "Bearer",
    "NoAuth",
    "Provider",
    "clamp",
    "drop",
    "rename",
    "set_default",
]
