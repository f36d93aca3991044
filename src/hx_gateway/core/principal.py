"""Who is calling, and what they may use."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

CACHE_CONTROLS = "allowed_cache_controls"  # where among the metadata; LiteLLM's name for it


class Scope(StrEnum):
    """What a route needs and a principal has."""

    OPEN = "open"  # no credential needed
    ANY = "any"  # any valid credential
    INFERENCE = "inference"
    RAG_READ = "rag:read"
    RAG_WRITE = "rag:write"
    ADMIN = "admin"


GRANTABLE = frozenset({Scope.INFERENCE, Scope.RAG_READ, Scope.RAG_WRITE, Scope.ADMIN})
DEFAULT_SCOPES = frozenset({Scope.INFERENCE, Scope.RAG_READ})


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """A verified caller. A failed check raises; there is no empty principal.

    `key_id`: SHA-256 hex of the key (never the key), or "master" / "admin-header".
    `models`: public names or patterns with `*` that it may use; empty means all. `within`: further
    such lists (of its team or user), each of which must allow a model as well.
    `tenant`: the owner of what it stores and finds; bound to the key, never taken from a request.
    `namespaces`: document namespaces (or patterns with `*`) it may touch; empty means all of its
    tenant. `expires_at`: seconds since 1970, None for never.
    """

    key_id: str
    scopes: frozenset[Scope]
    alias: str | None = None
    user_id: str | None = None
    team_id: str | None = None
    organization_id: str | None = None
    tenant: str = "default"
    models: tuple[str, ...] = ()
    within: tuple[tuple[str, ...], ...] = ()
    namespaces: tuple[str, ...] = ()
    expires_at: float | None = None
    metadata: Mapping[str, object] = {}

    def has_scope(self, scope: Scope) -> bool:
        """Say whether it may do what needs `scope`; admin may do everything."""
        return (
            scope in self.scopes or scope in {Scope.OPEN, Scope.ANY} or Scope.ADMIN in self.scopes
        )
