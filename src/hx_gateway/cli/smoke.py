"""`hx-gateway smoke`: use a running gateway as its clients do, and say what did not work."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from hx_gateway.app.probe import calling
from hx_gateway.app.smoke import Plan, smoke_checks
from hx_gateway.cli.findings import show
from hx_gateway.cli.main import EXIT_USAGE, Nouns
from hx_gateway.cli.place import Place, add_address, add_json, find_place, snapshot_of
from hx_gateway.config.masterkey import read_kept_key
from hx_gateway.core.call import Operation
from hx_gateway.core.check import Finding
from hx_gateway.core.clock import SystemClock
from hx_gateway.core.errors import ConfigError
from hx_gateway.core.secret import Secret
from hx_gateway.core.snapshot import Snapshot
from hx_gateway.manage.checks import Checkup

LIMIT_S = 120.0


def add(verbs: Nouns, parents: Sequence[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = verbs.add_parser(
        "smoke",
        help="prove that a running gateway does its work",
        description=(
            "Port, models, a chat, an embedding, the admin lists, a document put in and found, "
            "database, Redis, Qdrant. The key comes from --key-file, the environment or the state "
            "directory, never from the command line."
        ),
        parents=parents,
    )
    add_address(parser)
    add_json(parser)
    parser.add_argument("--key-file", metavar="FILE", help="file with the key to use; - is stdin")
    parser.add_argument("--chat-model", metavar="NAME", help="model to chat with")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Try everything, and show what was found; 0 when nothing failed."""
    place = find_place(args)
    snapshot = snapshot_of(place)
    if snapshot is None:
        return EXIT_USAGE
    key = read_key(args.key_file, snapshot)
    return show(asyncio.run(try_all(place, snapshot, key, args)), as_json=args.json)


async def try_all(
    place: Place, snapshot: Snapshot, key: Secret | None, args: argparse.Namespace
) -> tuple[Finding, ...]:
    """Run every check against the running gateway."""
    plan = Plan(
        chat_model=args.chat_model or chat_model(snapshot),
        embedding_model=snapshot.rag.embedding_model,
        search=snapshot.rag.enabled and snapshot.rag.embedding_model is not None,
    )
    async with calling(place.origin, key) as caller:
        checks = smoke_checks(caller, plan)
        return await Checkup(checks, SystemClock(), limit_s=LIMIT_S).findings()


def read_key(key_file: str | None, snapshot: Snapshot) -> Secret | None:
    """Find the key: a file, else what the configuration says, else the one that was generated."""
    if key_file == "-":
        return Secret(sys.stdin.readline().strip())
    if key_file is not None:
        return Secret(_first_line(Path(key_file)))
    return snapshot.auth.master_key or read_kept_key(snapshot.state_dir)


def _first_line(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        raise ConfigError((f"--key-file: {path}: {reason}",)) from None
    except UnicodeDecodeError:
        raise ConfigError((f"--key-file: {path}: no text",)) from None
    if not text:
        raise ConfigError((f"--key-file: {path}: is empty",))
    return text.splitlines()[0].strip()


def chat_model(snapshot: Snapshot) -> str | None:
    """Choose the model to chat with: the first that is not made for something else."""
    for name, route in snapshot.routes.items():
        first = route.deployments[0]
        if first.mode in {None, "chat"} and Operation.CHAT in first.provider.speaks:
            return name
    return None
