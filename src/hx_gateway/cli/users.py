"""`hx-gateway users create|list|info|update|block|unblock|delete`: users, whom keys belong to."""

import argparse
import sys
from collections.abc import Sequence

from hx_gateway.auth.identify import MASTER
from hx_gateway.cli.actions import add_noun, names, no_copies, print_json
from hx_gateway.cli.main import Nouns
from hx_gateway.core.clock import SystemClock
from hx_gateway.core.ports import Store, UserRecord
from hx_gateway.manage.users import ROLES, UserService, UserWish


def add(verbs: Nouns, parents: Sequence[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    action = add_noun(verbs, parents, "users", "make, show, change, block and remove users")
    action("list", show_all, "list users")
    made = action("create", create, "make a user, without a key")
    changed = action("update", update, "change what is named, and nothing else")
    for parser in (
        made,
        action("info", show, "show a user and how many keys it has"),
        changed,
        action("block", block, "refuse all keys of a user from now on"),
        action("unblock", unblock, "let the keys of a user in again"),
        action("delete", delete, "remove a user and all its keys"),
    ):
        parser.add_argument("id", metavar="USER", help="its id")
    for parser in (made, changed):
        parser.add_argument("--alias", help="a name to show")
        parser.add_argument("--email", help="its address; no two users have the same")
        parser.add_argument("--role", choices=ROLES, help="shown only: a key's scopes are rights")
        parser.add_argument(
            "--models", type=names, help="bounds its keys outside of a team ('': no bound)"
        )


async def create(store: Store, args: argparse.Namespace) -> None:
    """Make a user."""
    _tell(await _service(store).create(MASTER, _wish(args), args.id), args)


async def show_all(store: Store, args: argparse.Namespace) -> None:
    """List users."""
    users = await _service(store).find_all()
    if args.json:
        print_json({"users": users})
        return
    for user in users:
        print(_line(user))
    print(f"{len(users)} users", file=sys.stderr)


async def show(store: Store, args: argparse.Namespace) -> None:
    """Show one user."""
    user, keys = await _service(store).find(args.id)
    if args.json:
        print_json({"user": user, "keys": [key.id for key in keys]})
    else:
        print(f"{_line(user)}  {len(keys)} keys")


async def update(store: Store, args: argparse.Namespace) -> None:
    """Change one user."""
    await _change(store, args, _wish(args))


async def block(store: Store, args: argparse.Namespace) -> None:
    """Refuse the keys of one user."""
    await _change(store, args, UserWish(blocked=True))


async def unblock(store: Store, args: argparse.Namespace) -> None:
    """Let the keys of one user in again."""
    await _change(store, args, UserWish(blocked=False))


async def delete(store: Store, args: argparse.Namespace) -> None:
    """Remove one user."""
    gone = await _service(store).delete([args.id])
    if args.json:
        print_json({"deleted": gone})
    else:
        print(f"deleted {gone[0]}")


async def _change(store: Store, args: argparse.Namespace, wish: UserWish) -> None:
    _tell(await _service(store).update(MASTER, args.id, wish), args)


def _service(store: Store) -> UserService:
    return UserService(store, SystemClock(), forget=no_copies)


def _wish(args: argparse.Namespace) -> UserWish:
    return UserWish(alias=args.alias, email=args.email, role=args.role, models=args.models)


def _tell(user: UserRecord, args: argparse.Namespace) -> None:
    if args.json:
        print_json(user)
    else:
        print(_line(user))


def _line(user: UserRecord) -> str:
    state = "blocked" if user.blocked else "active"
    models = ",".join(user.models) or "all models"
    return "  ".join((user.id, user.alias or "-", user.email or "-", user.role, state, models))
