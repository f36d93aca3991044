import pytest
from tests.support.clock import FakeClock
from tests.support.rag import MemoryVectors

from hx_gateway.app.pings import SCHEMA_REMEDY, pinged, searching, skipped
from hx_gateway.cache.near_vectors import VectorAnswers
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


class Near(VectorAnswers):
    """A store whose server may lack a search module."""

    def __init__(self, *, able: bool) -> None:
        super().__init__(MemoryVectors(), "answers", "m", FakeClock())
        self.able = able

    async def can_search(self) -> bool:
        return self.able


async def test_a_redis_that_cannot_search_is_a_warning_where_answers_are_found_by_meaning() -> None:
    alive = pinged("redis", answers, "Redis", blocks=False)
    assert (await searching(alive, Near(able=True))()).verdict is Verdict.OK
    finding = await searching(alive, Near(able=False))()
    assert (finding.name, finding.verdict, finding.blocks) == ("redis", Verdict.WARN, False)
    assert "search module" in finding.detail
    away = pinged("redis", is_away, "Redis", blocks=False)
    assert (await searching(away, Near(able=False))()).verdict is Verdict.FAIL
