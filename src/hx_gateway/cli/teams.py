"""`hx-gateway teams create|list|info|update|block|unblock|delete`: teams and their keys."""

import argparse
import sys
from collections.abc import Sequence

from hx_gateway.auth.identify import MASTER
from hx_gateway.cli.actions import add_noun, names, no_copies, print_json
from hx_gateway.cli.main import Nouns
from hx_gateway.core.clock import SystemClock
from hx_gateway.core.ports import Store, TeamRecord
from hx_gateway.manage.teams import TeamService, TeamWish


def add(verbs: Nouns, parents: Sequence[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    action = add_noun(verbs, parents, "teams", "make, show, change, block and remove teams")
    action("list", show_all, "list teams")
    made = action("create", create, "make a team")
    changed = action("update", update, "change what is named, and nothing else")
    for parser in (
        made,
        action("info", show, "show a team and how many keys it has"),
        changed,
        action("block", block, "refuse all keys of a team from now on"),
        action("unblock", unblock, "let the keys of a team in again"),
        action("delete", delete, "remove a team and all its keys"),
    ):
        parser.add_argument("id", metavar="TEAM", help="its id")
    for parser in (made, changed):
        parser.add_argument("--alias", help="a name to show")
        parser.add_argument(
            "--models", type=names, help="bounds what its keys may use: a,openai/* ('': no bound)"
        )


async def create(store: Store, args: argparse.Namespace) -> None:
    """Make a team."""
    wish = TeamWish(alias=args.alias, models=args.models)
    _tell(await _service(store).create(MASTER, wish, args.id), args)


async def show_all(store: Store, args: argparse.Namespace) -> None:
    """List teams."""
    teams = await _service(store).find_all()
    if args.json:
        print_json({"teams": teams})
        return
    for team in teams:
        print(_line(team))
    print(f"{len(teams)} teams", file=sys.stderr)


async def show(store: Store, args: argparse.Namespace) -> None:
    """Show one team."""
    team, keys = await _service(store).find(args.id)
    if args.json:
        print_json({"team": team, "keys": [key.id for key in keys]})
    else:
        print(f"{_line(team)}  {len(keys)} keys")


async def update(store: Store, args: argparse.Namespace) -> None:
    """Change one team."""
    await _change(store, args, TeamWish(alias=args.alias, models=args.models))


async def block(store: Store, args: argparse.Namespace) -> None:
    """Refuse the keys of one team."""
    await _change(store, args, TeamWish(blocked=True))


async def unblock(store: Store, args: argparse.Namespace) -> None:
    """Let the keys of one team in again."""
    await _change(store, args, TeamWish(blocked=False))


async def delete(store: Store, args: argparse.Namespace) -> None:
    """Remove one team."""
    gone = await _service(store).delete([args.id])
    if args.json:
        print_json({"deleted": gone})
    else:
        print(f"deleted {gone[0]}")


async def _change(store: Store, args: argparse.Namespace, wish: TeamWish) -> None:
    _tell(await _service(store).update(MASTER, args.id, wish), args)


def _service(store: Store) -> TeamService:
    return TeamService(store, SystemClock(), forget=no_copies)


def _tell(team: TeamRecord, args: argparse.Namespace) -> None:
    if args.json:
        print_json(team)
    else:
        print(_line(team))


def _line(team: TeamRecord) -> str:
    state = "blocked" if team.blocked else "active"
    return "  ".join((team.id, team.alias or "-", state, ",".join(team.models) or "all models"))
