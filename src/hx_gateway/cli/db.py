"""`hx-gateway db plan|upgrade|status`: look at the schema of the database, and bring it up to date.

`serve` never changes a PostgreSQL schema unless told; this does, and says by its exit code how it
went.
"""

import argparse
import asyncio
import sys
from collections.abc import Iterator, Mapping, Sequence
from enum import IntEnum
from types import MappingProxyType

from hx_gateway import __version__
from hx_gateway.app import database
from hx_gateway.app.schema import Outcome, Verdict
from hx_gateway.cli.main import Nouns
from hx_gateway.config import load_snapshot
from hx_gateway.core.clock import SystemClock
from hx_gateway.core.snapshot import Snapshot
from hx_gateway.core.wire import encode


class Exit(IntEnum):
    """Exit codes of `hx-gateway db`. 2 is wrong use, or a configuration that does not compile."""

    OK = 0  # the schema is current; or `plan` was shown
    FAILED = 1  # the database refused a migration; it was rolled back
    PENDING = 3  # `status`: there is something to apply
    LEDGER_MISSING = 4
    HALF_WRITTEN = 5
    NEWER = 6
    CHANGED = 7
    LOCKED = 8
    UNREACHABLE = 9
    TABLES_MISSING = 10


# What is wrong, and what to do about it.
_TROUBLES: Mapping[Verdict, tuple[str, str]] = MappingProxyType(
    {
        Verdict.LEDGER_MISSING: (
            "tables are there, but the ledger hx_migrations is missing or empty",
            (
                "restore hx_migrations from a backup of this database; if the tables are "
                "left-overs, drop them and run `hx-gateway db upgrade`"
            ),
        ),
        Verdict.HALF_WRITTEN: (
            "a migration was begun and never finished",
            (
                "check what it did, undo it, delete its row from hx_migrations, "
                "and run `hx-gateway db upgrade`"
            ),
        ),
        Verdict.NEWER: (
            "the schema was made by a newer release than this program",
            "install that release; nothing was changed",
        ),
        Verdict.CHANGED: (
            "a migration is not the one that was applied (its checksum differs)",
            "install an unmodified release; nothing was changed",
        ),
        Verdict.TABLES_MISSING: (
            "tables are missing although the ledger says that they were made",
            (
                "restore them from a backup; if nothing in them is needed, drop all hx_ tables and "
                "run `hx-gateway db upgrade`"
            ),
        ),
        Verdict.LOCKED: (
            "somebody else holds the lock",
            "wait for them, or end their session, and run it again (--lock-timeout waits longer)",
        ),
        Verdict.UNREACHABLE: (
            "no connection",
            "check that it runs, and DATABASE_URL, with `hx-gateway doctor`",
        ),
        Verdict.FAILED: (
            "the database refused a migration, which was rolled back whole",
            "correct the cause and run `hx-gateway db upgrade` again",
        ),
    }
)


def add(verbs: Nouns, parents: Sequence[argparse.ArgumentParser]) -> None:
    """Declare the command. The common options follow the action: `db status --config FILE`."""
    summary = "look at the schema of the database, and bring it up to date"
    codes = ", ".join(f"{code.value} {code.name.lower().replace('_', ' ')}" for code in Exit)
    text = f"{summary.capitalize()}. Exit codes: {codes}."
    parser = verbs.add_parser("db", help=summary, description=text, parents=parents)
    actions = parser.add_subparsers(metavar="ACTION", required=True, title="actions")
    for name, run, text in (
        ("plan", run_plan, "show what `upgrade` would apply; changes nothing"),
        ("status", run_status, "show the schema version; exit code 3 when something is pending"),
        ("upgrade", run_upgrade, "apply what is pending; run twice, it does nothing"),
    ):
        action = actions.add_parser(
            name, help=text, description=text.capitalize() + ".", parents=parents
        )
        action.add_argument("--json", action="store_true", help="print one JSON object")
        action.set_defaults(run=run)
        if run is run_upgrade:
            _add_upgrade_options(action)


def _add_upgrade_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--lock-timeout",
        type=float,
        default=30.0,
        metavar="S",
        help="seconds to wait for another runner, or for a table in use (default: 30)",
    )
    parser.add_argument(
        "--pre-only",
        action="store_true",
        help="stop before the first step that the last release could not run on",
    )


def run_plan(args: argparse.Namespace) -> int:
    """Show what would be applied."""
    outcome = asyncio.run(database.read_schema(_snapshot(args)))
    return _tell(outcome, args, {Verdict.PENDING: Exit.OK})


def run_status(args: argparse.Namespace) -> int:
    """Show how it stands."""
    return _tell(asyncio.run(database.read_schema(_snapshot(args))), args, {})


def run_upgrade(args: argparse.Namespace) -> int:
    """Apply what is pending."""
    work = database.upgrade(
        _snapshot(args),
        SystemClock(),
        lock_timeout_s=args.lock_timeout,
        pre_only=args.pre_only,
    )
    # With --pre-only something may be left, and that is what was asked for.
    return _tell(asyncio.run(work), args, {Verdict.PENDING: Exit.OK})


def _snapshot(args: argparse.Namespace) -> Snapshot:
    return load_snapshot(config=args.config, env_file=args.env_file)


def _tell(outcome: Outcome, args: argparse.Namespace, codes: Mapping[Verdict, Exit]) -> int:
    """Print an outcome; gives the exit code, which `codes` may soften."""
    if args.json:
        print(encode(outcome).decode())
    else:
        for line in _report(outcome):
            print(line)
        for line in _trouble(outcome):
            print(line, file=sys.stderr)
    return codes.get(outcome.verdict, exit_code(outcome.verdict))


def exit_code(verdict: Verdict) -> Exit:
    """Give the exit code of a verdict: they have the same names."""
    return Exit.OK if verdict is Verdict.CURRENT else Exit[verdict.name]


def _report(outcome: Outcome) -> Iterator[str]:
    server = f"{outcome.engine} {outcome.server}".strip()
    yield f"{server} ({outcome.address}), hx-gateway {__version__}"
    if outcome.verdict in {Verdict.UNREACHABLE, Verdict.LOCKED, Verdict.FAILED}:
        return
    yield from (f"applied {name}" for name in outcome.done)
    yield f"schema version: {outcome.version or 'none'}"
    yield from (f"pending {name}" for name in outcome.pending)
    if outcome.verdict is Verdict.CURRENT and not outcome.done:
        yield "nothing to do"


def _trouble(outcome: Outcome) -> Iterator[str]:
    if outcome.verdict not in _TROUBLES:
        return
    what, remedy = _TROUBLES[outcome.verdict]
    yield f"{outcome.engine}: {what}" + (f": {outcome.reason}" if outcome.reason else "")
    yield from (f"  {name}" for name in outcome.names)
    yield f"next: {remedy}"
