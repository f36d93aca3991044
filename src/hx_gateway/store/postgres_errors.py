"""Translate what asyncpg and the network raise into our own errors, where it enters."""

import ssl

import asyncpg

from hx_gateway.core.errors import DependencyError

ROLE = "PostgreSQL"

# Everything that a call or a connection attempt may raise when the database is to blame.
FAULTS = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)

_TEXTS: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], str], ...] = (
    (TimeoutError, "did not answer in time"),
    (ssl.SSLError, "cannot be reached: TLS failed"),
    (OSError, "cannot be reached"),
    (
        (
            asyncpg.exceptions.InvalidPasswordError,
            asyncpg.exceptions.InvalidAuthorizationSpecificationError,
        ),
        "refuses the user name or the password",
    ),
    (asyncpg.exceptions.InvalidCatalogNameError, "has no such database"),
    (asyncpg.exceptions.InsufficientPrivilegeError, "refuses the user what is needed"),
    (asyncpg.exceptions.TooManyConnectionsError, "has no free connection"),
    (asyncpg.exceptions.CannotConnectNowError, "is starting or shutting down"),
    (
        (
            asyncpg.exceptions.ProtocolViolationError,  # so PgBouncer refuses `search_path`
            asyncpg.exceptions.InvalidSQLStatementNameError,
            asyncpg.exceptions.DuplicatePreparedStatementError,
        ),
        "is behind a pooler that keeps no sessions: add pgbouncer=true to its URL",
    ),
    (asyncpg.exceptions.ReadOnlySQLTransactionError, "is read-only"),
    (asyncpg.exceptions.DiskFullError, "has no space left"),
)


def dependency_error(fault: BaseException) -> DependencyError:
    """Say what is wrong by role and in our words; addresses and server text stay out of it."""
    for types, text in _TEXTS:
        if isinstance(fault, types):
            return DependencyError(ROLE, f"{ROLE} {text}.")
    return DependencyError(ROLE)
