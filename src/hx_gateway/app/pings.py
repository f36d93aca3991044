"""Checks of what answers a ping, and the order of causes that all lists of checks share."""

import asyncio
from collections.abc import Awaitable, Callable

from hx_gateway.core.answers import NearAnswers
from hx_gateway.core.check import Finding, Verdict
from hx_gateway.core.errors import DependencyError

SCHEMA_REMEDY = "Run `hx-gateway db status`, then `hx-gateway db upgrade`."
REMEDIES = {
    "PostgreSQL": "See that the database runs and DATABASE_URL is right; it heals by itself.",
    "SQLite": (
        "See that the state directory is writable, its disk not full, and the file a whole "
        "database: a damaged one is restored from a backup, or moved away for a new one."
    ),
    "Redis": "See that Redis runs and REDIS_URL is right; it heals by itself.",
    "Qdrant": "See that Qdrant runs and QDRANT_URL is right; it heals by itself.",
    "vector store": "The log says why the embedded engine does not run; it is started anew.",
}
Run = Callable[[], Awaitable[Finding]]

# Ranks: the lowest is the cause.
DATABASE, REDIS, QDRANT, EMBEDDING, MODELS, NODES = 40, 50, 60, 70, 80, 85

PING_S = 3.0  # less than a checkup takes, so that the role is named and not only the check


def pinged(name: str, ping: Callable[[], Awaitable[None]], role: str, *, blocks: bool) -> Run:
    """Make the check of something that answers a ping."""

    async def run() -> Finding:
        try:
            async with asyncio.timeout(PING_S):
                await ping()
        except TimeoutError:
            detail = f"{role} did not answer in time."
            return Finding(
                name=name,
                verdict=Verdict.FAIL,
                detail=detail,
                remedy=REMEDIES.get(role, ""),
                blocks=blocks,
            )
        except DependencyError as error:
            is_schema = (error.error_code or "").startswith("schema_")
            return Finding(
                name=name,
                verdict=Verdict.FAIL,
                detail=error.message,
                remedy=SCHEMA_REMEDY if is_schema else REMEDIES.get(error.role, ""),
                blocks=blocks,
            )
        return Finding(name=name, verdict=Verdict.OK, detail=role)

    return run


def skipped(name: str, why: str) -> Run:
    """Make the check of something that is not configured."""

    async def run() -> Finding:
        return Finding(name=name, verdict=Verdict.SKIP, detail=why)

    return run


def searching(alive: Run, near: NearAnswers) -> Run:
    """Check a Redis also for what the semantic cache needs of it beside its answering at all."""

    async def run() -> Finding:
        found = await alive()
        if found.verdict is not Verdict.OK or await near.can_search():
            return found
        text = "Redis has no search module: kept answers are found for equal questions only."
        remedy = "Take Redis 8, or Valkey with valkey-search; or the cache type qdrant-semantic."
        return Finding(name=found.name, verdict=Verdict.WARN, detail=text, remedy=remedy)

    return run
