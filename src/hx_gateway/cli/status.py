"""`hx-gateway status`: one line, and an exit code that is 0 only when the gateway serves."""

import argparse
import asyncio
import math
from collections.abc import Sequence
from pathlib import Path

from hx_gateway.app.pidfile import pid_path
from hx_gateway.app.probe import Phase, Standing, calling, read_standing
from hx_gateway.cli.main import EXIT_FAILED, EXIT_OK, Nouns
from hx_gateway.cli.place import Place, add_address, add_json, find_place
from hx_gateway.core import wire


def add(verbs: Nouns, parents: Sequence[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = verbs.add_parser(
        "status",
        help="say in one line whether the gateway serves",
        description=(
            "Print one line: preparing, schema-missing, serving, degraded: what is missing, "
            "draining or stopped; and whether a reload is pending. Exit code 0 only for serving."
        ),
        parents=parents,
    )
    add_address(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Ask, and print the line."""
    place = find_place(args)
    standing = asyncio.run(ask(place))
    pending = standing.phase is not Phase.STOPPED and is_reload_pending(place)
    if args.json:
        fields = {"phase": standing.phase, "detail": standing.detail, "reload_pending": pending}
        print(wire.encode(fields).decode())
    else:
        print(f"{standing}{' (reload pending)' if pending else ''}")
    return EXIT_OK if standing.phase is Phase.SERVING else EXIT_FAILED


async def ask(place: Place) -> Standing:
    """Ask the gateway."""
    async with calling(place.origin) as caller:
        return await read_standing(caller)


def is_reload_pending(place: Place) -> bool:
    """Say whether a file of the configuration is newer than what the gateway runs with."""
    try:
        loaded_at = pid_path(place.state_dir).stat().st_mtime
    except OSError:
        return False
    return any(changed_at(path) > loaded_at for path in place.sources)


def changed_at(path: Path) -> float:
    """When a file was written; one that is gone has changed, too."""
    try:
        return path.stat().st_mtime
    except OSError:
        return math.inf
