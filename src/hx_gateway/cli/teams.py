"""`hx-gateway teams create|list|info|update|block|unblock|delete`: teams and their keys."""

import argparse
from collections.abc import Sequence

from hx_gateway.cli.actions import add_noun, names, no_copies
from hx_gateway.cli.holders import Holders
from hx_gateway.cli.main import Nouns
from hx_gateway.core.clock import SystemClock
from hx_gateway.core.ports import Store, TeamRecord
from hx_gateway.manage.teams import TeamService, TeamWish


def add(verbs: Nouns, parents: Sequence[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    action = add_noun(verbs, parents, "teams", "make, show, change, block and remove teams")
    for parser in teams().declare(action, "make a team"):
        parser.add_argument(
            "--models",
            type=names,
            help="bounds what its keys may use: a,openai/* (update: '' for no bound)",
        )


def teams() -> Holders[TeamRecord, TeamWish]:
    """Make the actions on teams."""
    return Holders(
        "team",
        open_service=_service,
        wish=lambda args: TeamWish(alias=args.alias, models=args.models),
        blocking=lambda is_blocked: TeamWish(blocked=is_blocked),
        line=_line,
    )


def _service(store: Store) -> TeamService:
    return TeamService(store, SystemClock(), forget=no_copies)


def _line(team: TeamRecord) -> str:
    state = "blocked" if team.blocked else "active"
    return "  ".join((team.id, team.alias or "-", state, ",".join(team.models) or "all models"))
