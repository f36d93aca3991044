"""`hx-gateway users create|list|info|update|block|unblock|delete`: users, whom keys belong to."""

import argparse
import re
from collections.abc import Sequence

from hx_gateway.cli.actions import add_noun, names, no_copies
from hx_gateway.cli.holders import Holders
from hx_gateway.cli.main import Nouns
from hx_gateway.core.clock import SystemClock
from hx_gateway.core.ports import Store, UserRecord
from hx_gateway.manage.users import EMAIL, ROLES, UserService, UserWish


def add(verbs: Nouns, parents: Sequence[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    action = add_noun(verbs, parents, "users", "make, show, change, block and remove users")
    for parser in users().declare(action, "make a user, without a key"):
        parser.add_argument("--email", type=email, help="its address; no two users have the same")
        parser.add_argument("--role", choices=ROLES, help="shown only: a key's scopes are rights")
        parser.add_argument(
            "--models",
            type=names,
            help="bounds its keys outside of a team (update: '' for no bound)",
        )


def email(text: str) -> str:
    """Read an address."""
    if re.fullmatch(EMAIL, text) is None:
        raise argparse.ArgumentTypeError(f"not like somebody@example.com: {text!r}")
    return text


def users() -> Holders[UserRecord, UserWish]:
    """Make the actions on users."""
    return Holders(
        "user",
        open_service=_service,
        wish=_wish,
        blocking=lambda is_blocked: UserWish(blocked=is_blocked),
        line=_line,
    )


def _service(store: Store) -> UserService:
    return UserService(store, SystemClock(), forget=no_copies)


def _wish(args: argparse.Namespace) -> UserWish:
    return UserWish(alias=args.alias, email=args.email, role=args.role, models=args.models)


def _line(user: UserRecord) -> str:
    state = "blocked" if user.blocked else "active"
    models = ",".join(user.models) or "all models"
    return "  ".join((user.id, user.alias or "-", user.email or "-", user.role, state, models))
