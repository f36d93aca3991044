"""Every fault of PostgreSQL is told in our words, without the server's."""

import ssl

import asyncpg
import pytest

from hx_gateway.store.postgres_errors import FAULTS, dependency_error

CANARY = "canary-10.1.2.3"


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (TimeoutError(CANARY), "PostgreSQL did not answer in time."),
        (ConnectionRefusedError(CANARY), "PostgreSQL cannot be reached."),
        (ssl.SSLError(CANARY), "PostgreSQL cannot be reached: TLS failed."),
        (
            asyncpg.exceptions.InvalidPasswordError(CANARY),
            "PostgreSQL refuses the user name or the password.",
        ),
        (asyncpg.exceptions.InvalidCatalogNameError(CANARY), "PostgreSQL has no such database."),
        (asyncpg.exceptions.TooManyConnectionsError(CANARY), "PostgreSQL has no free connection."),
        (
            asyncpg.exceptions.InvalidSQLStatementNameError(CANARY),
            "PostgreSQL is behind a pooler that keeps no sessions: add pgbouncer=true to its URL.",
        ),
        (asyncpg.exceptions.ReadOnlySQLTransactionError(CANARY), "PostgreSQL is read-only."),
        (
            asyncpg.exceptions.UndefinedTableError(CANARY),
            "PostgreSQL is not available; try again shortly.",
        ),
        (
            asyncpg.exceptions.InternalClientError(CANARY),
            "PostgreSQL is not available; try again shortly.",
        ),
    ],
)
def test_a_fault_is_told_by_role(fault: Exception, text: str) -> None:
    assert isinstance(fault, FAULTS)
    assert dependency_error(fault).message == text
