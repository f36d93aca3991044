"""Decide what a database still needs, from the known migrations, its ledger and its tables.

Pure: it is handed what was read, and says what to do.
"""

from collections.abc import Collection, Sequence
from enum import StrEnum

import msgspec

LEDGER = "hx_migrations"
TABLES = frozenset({"hx_epoch", "hx_keys", "hx_teams", "hx_users", "hx_responses"})


class Kind(StrEnum):
    """When a migration runs: before the program that needs it is rolled out, or after."""

    PRE = "pre"  # adds only; the last release still runs on it
    POST = "post"  # may remove what the last release used


class Migration(msgspec.Struct, frozen=True, kw_only=True):
    """One step of the schema. `checksum` is the SHA-256 hex of the file's bytes."""

    name: str
    kind: Kind
    sql: str
    checksum: str


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One row of a ledger; not finished means that the migration was begun and never completed."""

    name: str
    checksum: str
    finished: bool


class Problem(StrEnum):
    """Why nothing may be applied. The value is the code that readiness and the CLI show."""

    LEDGER_MISSING = "schema_ledger_missing"
    HALF_WRITTEN = "schema_half_written"
    NEWER = "schema_newer"
    CHANGED = "schema_changed"
    TABLES_MISSING = "schema_tables_missing"


class Obstacle(msgspec.Struct, frozen=True, kw_only=True):
    """A problem, and the migrations or tables that show it."""

    problem: Problem
    names: tuple[str, ...]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What was applied, what is pending in order, and what stands in the way."""

    applied: tuple[str, ...]
    pending: tuple[Migration, ...]
    obstacle: Obstacle | None = None

    @property
    def version(self) -> str | None:
        """The schema version: the name of the last migration applied; None for no schema."""
        return self.applied[-1] if self.applied else None


def make_plan(
    known: Sequence[Migration], ledger: Sequence[Entry] | None, tables: Collection[str]
) -> Plan:
    """Compare the migrations of this program with a database; `ledger` None means no such table."""
    entries = sorted(ledger or (), key=lambda entry: entry.name)
    done = {entry.name for entry in entries if entry.finished}
    return Plan(
        applied=tuple(sorted(done)),
        pending=tuple(step for step in known if step.name not in done),
        obstacle=_obstacle(known, entries, TABLES.intersection(tables)),
    )


def blocks_serving(plan: Plan) -> str | None:
    """Give the code of why a program cannot serve on this schema; None when it can.

    A pending `post` step may wait, and an unknown `pre` step only added something: both happen
    while a new release is rolled out, and neither may take the running one down.
    """
    obstacle = plan.obstacle
    if obstacle and not (obstacle.problem is Problem.NEWER and _only_pre(obstacle.names)):
        return obstacle.problem.value
    if not plan.applied:
        return "schema_missing"
    if any(step.kind is Kind.PRE for step in plan.pending):
        return "schema_outdated"
    return None


def kind_of(name: str) -> Kind | None:
    """Read the kind out of a name such as `0001_pre_keys`; None when there is none in it."""
    parts = name.split("_", 2)
    return Kind(parts[1]) if len(parts) == 3 and parts[1] in list(Kind) else None


def _obstacle(
    known: Sequence[Migration], entries: Sequence[Entry], tables: frozenset[str]
) -> Obstacle | None:
    checksums = {step.name: step.checksum for step in known}
    done = {entry.name for entry in entries if entry.finished}
    complete = all(name in done for name in checksums)
    found = (
        (Problem.LEDGER_MISSING, sorted(tables) if not entries else []),
        (Problem.HALF_WRITTEN, [entry.name for entry in entries if not entry.finished]),
        (Problem.NEWER, [entry.name for entry in entries if entry.name not in checksums]),
        (
            Problem.CHANGED,
            [entry.name for entry in entries if entry.checksum != checksums.get(entry.name)],
        ),
        (Problem.TABLES_MISSING, sorted(TABLES - tables) if complete else []),
    )
    return next(
        (Obstacle(problem=problem, names=tuple(names)) for problem, names in found if names), None
    )


def _only_pre(names: Sequence[str]) -> bool:
    return all(kind_of(name) is Kind.PRE for name in names)
