"""Every way a schema can be wrong has a sentence for a client."""

import pytest

from hx_gateway.store.migrate.plan import Problem
from hx_gateway.store.schema import schema_error

CODES = [*Problem, "schema_missing", "schema_outdated"]


@pytest.mark.parametrize("code", CODES)
def test_the_error_names_role_and_code(code: str) -> None:
    error = schema_error("PostgreSQL", code)
    assert (error.role, error.error_code, error.http_status) == ("PostgreSQL", code, 503)
    assert error.message.startswith("PostgreSQL: ")


def test_the_sentences_differ() -> None:
    assert len({schema_error("x", code).message for code in CODES}) == len(CODES)
