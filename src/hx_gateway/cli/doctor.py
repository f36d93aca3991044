"""`hx-gateway doctor`: look at everything, name the one cause, say what to do next."""

import argparse
import asyncio
from collections.abc import Sequence

from hx_gateway.app.diagnosis import Patient, examine
from hx_gateway.cli.findings import show
from hx_gateway.cli.main import Nouns
from hx_gateway.cli.place import Place, add_address, add_json, find_place
from hx_gateway.core.check import Finding
from hx_gateway.core.clock import SystemClock


def add(verbs: Nouns, parents: Sequence[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = verbs.add_parser(
        "doctor",
        help="say what is wrong with this installation, and what to do about it",
        description="Run every check, name the cause first. Works without a running gateway.",
        parents=parents,
    )
    add_address(parser)
    add_json(parser)
    parser.add_argument(
        "--ask-vendors",
        action="store_true",
        help="also ask rented upstreams for their model list (sends their credential)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Look, and show what was found; 0 when nothing failed."""
    place = find_place(args)
    return show(asyncio.run(look(place, args)), as_json=args.json)


async def look(place: Place, args: argparse.Namespace) -> tuple[Finding, ...]:
    """Run every check."""
    patient = Patient(
        result=place.result,
        found=place.found,
        state_dir=place.state_dir,
        env_file=args.env_file,
        host=place.host,
        port=place.port,
        origin=place.origin,
        ask_vendors=args.ask_vendors,
    )
    return await examine(patient, SystemClock())
