"""What `keys`, `teams` and `users` have in common: actions on the configured store.

Whoever may read the configuration and the database is the operator: it acts as the master key
does. A running gateway notices within half a second what was taken away.
"""

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from hx_gateway.app.database import open_store
from hx_gateway.cli.main import EXIT_OK, Nouns
from hx_gateway.config import load_snapshot
from hx_gateway.core.clock import SystemClock
from hx_gateway.core.errors import InvalidRequest
from hx_gateway.core.ports import Store
from hx_gateway.core.wire import encode

Work = Callable[[Store, argparse.Namespace], Awaitable[None]]


class AddAction(Protocol):
    """Declares one action of a noun and gives its parser."""

    def __call__(self, name: str, work: Work, text: str) -> argparse.ArgumentParser:
        """Do it."""
        ...


def add_noun(
    verbs: Nouns, parents: Sequence[argparse.ArgumentParser], noun: str, summary: str
) -> AddAction:
    """Declare a noun. The common options follow the action: `keys list --config FILE`."""
    parser = verbs.add_parser(
        noun, help=summary, description=f"{summary.capitalize()}.", parents=parents
    )
    actions = parser.add_subparsers(metavar="ACTION", required=True, title="actions")

    def action(name: str, work: Work, text: str) -> argparse.ArgumentParser:
        made = actions.add_parser(
            name, help=text, description=text.capitalize() + ".", parents=list(parents)
        )
        made.add_argument("--json", action="store_true", help="print JSON")
        made.set_defaults(run=run, work=work)
        return made

    return action


def run(args: argparse.Namespace) -> int:
    """Do one action on the configured store."""
    asyncio.run(_with_store(args))
    return EXIT_OK


async def _with_store(args: argparse.Namespace) -> None:
    store = open_store(load_snapshot(args.config, args.env_file), SystemClock())
    try:
        await args.work(store, args)
    finally:
        await store.aclose()


def print_json(value: object) -> None:
    """Print a value as one line of JSON."""
    print(encode(value).decode())


def plain(text: str) -> str:
    """Make text harmless to a terminal: whoever chose a name must not paint it, or fake a line."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


def name(text: str) -> str:
    """Read one name: `--tenant "$UNSET"` would make a tenant without one."""
    if not text.strip() or len(text) > 256:
        raise argparse.ArgumentTypeError("a name of 1 to 256 characters is needed")
    return text


def names(text: str) -> tuple[str, ...]:
    """Read names that are separated by commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def refuse_nothing(args: argparse.Namespace, *fields: str) -> None:
    """Refuse a list that is given, but empty: `--models "$UNSET"` would open everything."""
    for field in fields:
        if getattr(args, field, None) == ():
            raise InvalidRequest(f"--{field} names nothing; leave it out to allow all.")


def no_copies() -> None:
    """Drop nothing: a command keeps no copies of keys."""
