"""`hx-gateway keys create|list|info|delete|block|unblock`: virtual keys, straight on the store.

Whoever may read the configuration and the database is the operator: it acts as the master key
does. A running gateway notices within half a second what was taken away.
"""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

import msgspec

from hx_gateway.app.database import open_store
from hx_gateway.auth.identify import MASTER
from hx_gateway.cli.main import EXIT_OK, Nouns
from hx_gateway.config import load_snapshot
from hx_gateway.core.clock import SystemClock
from hx_gateway.core.ports import KeyFilter, KeyRecord
from hx_gateway.core.principal import GRANTABLE
from hx_gateway.core.wire import encode
from hx_gateway.manage.keys import KeyService, KeyWish

Work = Callable[[KeyService, argparse.Namespace], Awaitable[None]]


def add(verbs: Nouns, parents: Sequence[argparse.ArgumentParser]) -> None:
    """Declare the command. The common options follow the action: `keys list --config FILE`."""
    summary = "make, show, block and remove virtual keys"
    parser = verbs.add_parser(
        "keys", help=summary, description=f"{summary.capitalize()}.", parents=parents
    )
    actions = parser.add_subparsers(metavar="ACTION", required=True, title="actions")

    def action(name: str, work: Work, text: str) -> argparse.ArgumentParser:
        made = actions.add_parser(
            name, help=text, description=text.capitalize() + ".", parents=list(parents)
        )
        made.add_argument("--json", action="store_true", help="print JSON")
        made.set_defaults(run=run, work=work)
        return made

    _add_create_options(action("create", create, "make a key and print it, this once"))
    _add_list_options(action("list", show_all, "list keys, newest first"))
    for name, work, text in (
        ("info", show, "show a key"),
        ("delete", delete, "remove a key"),
        ("block", block, "refuse a key from now on"),
        ("unblock", unblock, "let a key in again"),
    ):
        action(name, work, text).add_argument(
            "name",
            metavar="KEY",
            help="its alias or hash (its text works too, but is seen in the process list)",
        )


def _add_create_options(parser: argparse.ArgumentParser) -> None:
    scopes = ", ".join(sorted(scope.value for scope in GRANTABLE))
    parser.add_argument("--alias", help="a name of its own")
    parser.add_argument("--duration", metavar="TIME", help="30s, 30m, 30h, 30d, 2w or 1mo")
    parser.add_argument("--models", type=_names, default=(), help="names or patterns: a,openai/*")
    parser.add_argument("--scopes", type=_names, help=f"some of: {scopes}")
    parser.add_argument("--namespaces", type=_names, default=(), help="names or patterns: a,b*")
    parser.add_argument("--tenant", help="the owner of what it stores and finds")
    parser.add_argument("--user", metavar="ID", help="the user it belongs to")
    parser.add_argument("--team", metavar="ID", help="the team it belongs to")


def _add_list_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--user", metavar="ID", help="only keys of this user")
    parser.add_argument("--team", metavar="ID", help="only keys of this team")
    parser.add_argument("--limit", type=int, choices=range(1, 1001), default=100, metavar="N")
    parser.add_argument("--offset", type=_offset, default=0, metavar="N")


def run(args: argparse.Namespace) -> int:
    """Do one action on the configured store."""
    asyncio.run(_with_store(args))
    return EXIT_OK


async def _with_store(args: argparse.Namespace) -> None:
    clock = SystemClock()
    store = open_store(load_snapshot(args.config, args.env_file), clock)
    try:
        await args.work(KeyService(store, clock, forget=_nothing_kept), args)
    finally:
        await store.aclose()


async def create(service: KeyService, args: argparse.Namespace) -> None:
    """Make a key; its text is all that goes to standard output, so that a script can take it."""
    wish = KeyWish(
        alias=args.alias,
        duration=args.duration,
        models=args.models,
        scopes=args.scopes,
        namespaces=args.namespaces,
        tenant=args.tenant,
        user_id=args.user,
        team_id=args.team,
    )
    issued = await service.generate(MASTER, wish)
    text = issued.secret.reveal()
    if args.json:
        _print_json({"key": text, **msgspec.structs.asdict(issued.record)})
        return
    print(text)
    print(f"{_line(issued.record)}\nThe key is not shown again.", file=sys.stderr)


async def show_all(service: KeyService, args: argparse.Namespace) -> None:
    """List keys."""
    wanted = KeyFilter(user_id=args.user, team_id=args.team, offset=args.offset, limit=args.limit)
    records, total = await service.find_all(wanted)
    if args.json:
        _print_json({"keys": records, "total": total})
        return
    for record in records:
        print(_line(record))
    print(f"{len(records)} of {total}", file=sys.stderr)


async def show(service: KeyService, args: argparse.Namespace) -> None:
    """Show one key."""
    _tell(await service.find(MASTER, await service.resolve(args.name)), args)


async def delete(service: KeyService, args: argparse.Namespace) -> None:
    """Remove one key."""
    gone = await service.delete([await service.resolve(args.name)])
    if args.json:
        _print_json({"deleted": gone})
    else:
        print(f"deleted {gone[0]}")


async def block(service: KeyService, args: argparse.Namespace) -> None:
    """Refuse one key from now on."""
    _tell(await service.set_blocked(await service.resolve(args.name), blocked=True), args)


async def unblock(service: KeyService, args: argparse.Namespace) -> None:
    """Let one key in again."""
    _tell(await service.set_blocked(await service.resolve(args.name), blocked=False), args)


def _tell(record: KeyRecord, args: argparse.Namespace) -> None:
    if args.json:
        _print_json(record)
    else:
        print(_line(record))


def _line(record: KeyRecord) -> str:
    state = "blocked" if record.blocked else "active"
    end = "never expires"
    if record.expires_at is not None:
        end = f"expires {datetime.fromtimestamp(record.expires_at, UTC):%Y-%m-%dT%H:%M:%SZ}"
    return "  ".join(
        (
            record.id,
            record.name,
            record.alias or "-",
            state,
            end,
            ",".join(record.models) or "all models",
            ",".join(sorted(scope.value for scope in record.scopes)),
        )
    )


def _print_json(value: object) -> None:
    print(encode(value).decode())


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _offset(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number


def _nothing_kept() -> None:
    """Drop nothing: a command keeps no copies of keys."""
