"""`hx-gateway keys create|list|info|update|regenerate|block|unblock|delete`: virtual keys."""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from hx_gateway.auth.identify import MASTER
from hx_gateway.cli.actions import (
    add_noun,
    name,
    names,
    no_copies,
    plain,
    print_json,
    refuse_nothing,
)
from hx_gateway.cli.main import Nouns
from hx_gateway.core.clock import SystemClock
from hx_gateway.core.ports import KeyFilter, KeyRecord, Store
from hx_gateway.core.principal import GRANTABLE
from hx_gateway.manage.keys import IssuedKey, KeyChange, KeyService, KeyWish


def add(verbs: Nouns, parents: Sequence[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    action = add_noun(verbs, parents, "keys", "make, show, change, block and remove virtual keys")
    _add_right_options(action("create", create, "make a key and print it, this once"))
    _add_list_options(action("list", show_all, "list keys, newest first"))
    changed = action("update", update, "change what is named, and nothing else")
    for parser in (
        action("info", show, "show a key"),
        changed,
        action("regenerate", regenerate, "give a key a new text and print it, this once"),
        action("block", block, "refuse a key from now on"),
        action("unblock", unblock, "let a key in again"),
        action("delete", delete, "remove a key"),
    ):
        parser.add_argument(
            "name",
            metavar="KEY",
            help="its alias or hash (its text works too, but is seen in the process list)",
        )
    _add_right_options(changed)


def _add_right_options(parser: argparse.ArgumentParser) -> None:
    scopes = ", ".join(sorted(scope.value for scope in GRANTABLE))
    parser.add_argument("--alias", type=name, help="a name of its own")
    parser.add_argument("--duration", metavar="TIME", help="30s, 30m, 30h, 30d, 2w or 1mo")
    parser.add_argument("--models", type=names, help="names or patterns: a,openai/*")
    parser.add_argument("--scopes", type=names, help=f"some of: {scopes}")
    parser.add_argument("--namespaces", type=names, help="names or patterns: a,b*")
    parser.add_argument("--tenant", type=name, help="the owner of what it stores and finds")
    parser.add_argument("--user", type=name, metavar="ID", help="the user it belongs to")
    parser.add_argument("--team", type=name, metavar="ID", help="the team it belongs to")


def _add_list_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--user", metavar="ID", help="only keys of this user")
    parser.add_argument("--team", metavar="ID", help="only keys of this team")
    parser.add_argument("--limit", type=_limit, default=100, metavar="N")
    parser.add_argument("--offset", type=_offset, default=0, metavar="N")


async def create(store: Store, args: argparse.Namespace) -> None:
    """Make a key; its text is all that goes to standard output, so that a script can take it."""
    refuse_nothing(args, "models", "namespaces")
    wish = KeyWish(
        alias=args.alias,
        duration=args.duration,
        models=args.models or (),
        scopes=args.scopes,
        namespaces=args.namespaces or (),
        tenant=args.tenant,
        user_id=args.user,
        team_id=args.team,
    )
    _hand_over(await _service(store).generate(MASTER, wish), args)


async def show_all(store: Store, args: argparse.Namespace) -> None:
    """List keys."""
    wanted = KeyFilter(user_id=args.user, team_id=args.team, offset=args.offset, limit=args.limit)
    records, total = await _service(store).find_all(wanted)
    if args.json:
        print_json({"keys": records, "total": total})
        return
    for record in records:
        print(_line(record))
    print(f"{len(records)} of {total}", file=sys.stderr)


async def show(store: Store, args: argparse.Namespace) -> None:
    """Show one key."""
    service = _service(store)
    _tell(await service.find(MASTER, await service.resolve(args.name)), args)


async def update(store: Store, args: argparse.Namespace) -> None:
    """Change one key."""
    service = _service(store)
    wanted = KeyChange(
        alias=args.alias,
        duration=args.duration,
        models=args.models,
        scopes=args.scopes,
        namespaces=args.namespaces,
        tenant=args.tenant,
        user_id=args.user,
        team_id=args.team,
    )
    _tell(await service.update(MASTER, await service.resolve(args.name), wanted), args)


async def regenerate(store: Store, args: argparse.Namespace) -> None:
    """Give one key a new text, printed as `create` does."""
    service = _service(store)
    _hand_over(await service.regenerate(MASTER, await service.resolve(args.name)), args)


async def delete(store: Store, args: argparse.Namespace) -> None:
    """Remove one key."""
    service = _service(store)
    gone = await service.delete([await service.resolve(args.name)])
    if args.json:
        print_json({"deleted": gone})
    else:
        print(f"deleted {gone[0]}")


async def block(store: Store, args: argparse.Namespace) -> None:
    """Refuse one key from now on."""
    service = _service(store)
    _tell(await service.set_blocked(await service.resolve(args.name), blocked=True), args)


async def unblock(store: Store, args: argparse.Namespace) -> None:
    """Let one key in again."""
    service = _service(store)
    _tell(await service.set_blocked(await service.resolve(args.name), blocked=False), args)


def _service(store: Store) -> KeyService:
    return KeyService(store, SystemClock(), forget=no_copies)


def _hand_over(issued: IssuedKey, args: argparse.Namespace) -> None:
    text = issued.secret.reveal()
    if args.json:
        print_json({"key": text, **msgspec.structs.asdict(issued.record)})
        return
    print(text)
    print(f"{_line(issued.record)}\nThe key is not shown again.", file=sys.stderr)


def _tell(record: KeyRecord, args: argparse.Namespace) -> None:
    if args.json:
        print_json(record)
    else:
        print(_line(record))


def _line(record: KeyRecord) -> str:
    state = "blocked" if record.blocked else "active"
    end = "never expires"
    if record.expires_at is not None:
        end = f"expires {datetime.fromtimestamp(record.expires_at, UTC):%Y-%m-%dT%H:%M:%SZ}"
    return plain(
        "  ".join(
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
    )


def _limit(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 1000:
        raise argparse.ArgumentTypeError(f"must be from 1 to 1000, not {number}")
    return number


def _offset(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number
