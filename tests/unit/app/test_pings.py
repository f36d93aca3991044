import pytest

from hx_gateway.app.pings import SCHEMA_REMEDY, pinged, skipped
from hx_gateway.core.check import Verdict
from hx_gateway.core.errors import DependencyError


async def answers() -> None:
    pass


async def is_away() -> None:
    raise DependencyError("PostgreSQL")


async def has_no_schema() -> None:
    raise DependencyError("PostgreSQL", "PostgreSQL: schema missing.", code="schema_missing")


async def test_what_answers_is_well() -> None:
    finding = await pinged("database", answers, "PostgreSQL", blocks=True)()
    assert (finding.verdict, finding.blocks) == (Verdict.OK, False)


@pytest.mark.parametrize("blocks", [True, False])
async def test_what_is_away_is_named_by_role(blocks: bool) -> None:
    finding = await pinged("database", is_away, "PostgreSQL", blocks=blocks)()
    assert finding.verdict is Verdict.FAIL
    assert finding.blocks is blocks
    assert "PostgreSQL" in finding.detail


async def test_a_missing_schema_has_another_remedy_than_a_server_that_is_away() -> None:
    away = await pinged("database", is_away, "PostgreSQL", blocks=True)()
    missing = await pinged("database", has_no_schema, "PostgreSQL", blocks=True)()
    assert missing.remedy == SCHEMA_REMEDY != away.remedy


async def test_what_is_not_configured_is_skipped() -> None:
    finding = await skipped("redis", "Not configured.")()
    assert finding.verdict is Verdict.SKIP
