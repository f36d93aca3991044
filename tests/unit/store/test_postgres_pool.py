"""Names of schemas reach the server as names."""

import pytest

from hx_gateway.core.errors import DependencyError
from hx_gateway.core.snapshot import StoreSettings
from hx_gateway.store.postgres_pool import connect, search_path


@pytest.mark.parametrize(
    ("schema", "path"),
    [("public", '"public"'), ("my schema", '"my schema"'), ('a", "b', '"a"", ""b"')],
)
def test_a_schema_is_one_quoted_name(schema: str, path: str) -> None:
    assert search_path(schema) == path


async def test_no_address_is_an_error_of_the_role() -> None:
    with pytest.raises(DependencyError, match="PostgreSQL is not configured"):
        await connect(StoreSettings())
