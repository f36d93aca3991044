"""What can be said about the schema of the database, by whoever asks: the CLI, or `serve`."""

from enum import StrEnum

import msgspec

from hx_gateway.store.migrate.plan import Plan


class Verdict(StrEnum):
    """How it stands, or how an upgrade ended."""

    CURRENT = "current"
    PENDING = "pending"
    LEDGER_MISSING = "schema_ledger_missing"
    HALF_WRITTEN = "schema_half_written"
    NEWER = "schema_newer"
    CHANGED = "schema_changed"
    TABLES_MISSING = "schema_tables_missing"
    LOCKED = "locked"
    UNREACHABLE = "unreachable"
    FAILED = "failed"


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The state of the schema after a plan, a status or an upgrade.

    `version` is the name of the last migration applied, None for an empty database. `done` is what
    this run applied. `names` are the migrations, tables or lock holders that the verdict is about.
    `reason` is the cause in words, without an address or a secret.
    """

    engine: str
    verdict: Verdict
    address: str = ""
    server: str = ""
    version: str | None = None
    done: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    reason: str = ""


def outcome_of(
    plan: Plan, *, engine: str, address: str, server: str, done: tuple[str, ...] = ()
) -> Outcome:
    """Describe a plan."""
    if plan.obstacle:
        verdict, names = Verdict(plan.obstacle.problem.value), plan.obstacle.names
    else:
        verdict, names = (Verdict.PENDING if plan.pending else Verdict.CURRENT), ()
    return Outcome(
        engine=engine,
        verdict=verdict,
        address=address,
        server=server,
        version=plan.version,
        done=done,
        pending=tuple(step.name for step in plan.pending),
        names=names,
    )
