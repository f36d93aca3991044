"""Where commands look for the gateway: its configuration, and the address that follows from it."""

import argparse
import sys
from pathlib import Path

import msgspec

from hx_gateway.app.listen import listen_settings
from hx_gateway.app.options import ServeOptions
from hx_gateway.app.probe import origin_of
from hx_gateway.cli.main import port
from hx_gateway.config.embedded import Found, find_installed
from hx_gateway.config.environment import process_environment, state_dir
from hx_gateway.config.load import LoadOptions, Result, examine
from hx_gateway.core.http import Origin
from hx_gateway.core.snapshot import Snapshot


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """One gateway as this command sees it; `result` may hold problems instead of a snapshot.

    `sources` are the files that its configuration comes from, as far as they could be read.
    """

    host: str
    port: int
    origin: Origin
    result: Result
    found: Found
    state_dir: Path
    sources: tuple[Path, ...]


def add_address(parser: argparse.ArgumentParser) -> None:
    """Declare the options that say where the gateway listens."""
    parser.add_argument("--host", help="where the gateway listens (default: as `serve` decides)")
    parser.add_argument("--port", type=port, help="its port (default: as `serve` decides)")


def add_json(parser: argparse.ArgumentParser) -> None:
    """Declare the option for programs."""
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def find_place(args: argparse.Namespace) -> Place:
    """Read the configuration, without making a key or a directory, and find the address."""
    found = find_installed()
    options = ServeOptions(
        config=args.config, env_file=args.env_file, host=args.host, port=args.port
    )
    listen = listen_settings(options)
    request = LoadOptions(
        config=args.config,
        env_file=args.env_file,
        environ=process_environment(),
        found=found,
        keep_key=False,
    )
    result = examine(request)
    snapshot = result.snapshot
    named = tuple(path for path in (args.config, args.env_file) if path is not None)
    return Place(
        host=listen.host,
        port=listen.port,
        origin=origin_of(listen.host, listen.port, speaks_tls=listen.server.tls_cert is not None),
        result=result,
        found=found,
        state_dir=snapshot.state_dir if snapshot else state_dir(listen.names),
        sources=snapshot.sources if snapshot else named,
    )


def snapshot_of(place: Place) -> Snapshot | None:
    """Give the configuration; of one that does not compile, print the problems and give None."""
    for problem in place.result.problems if place.result.snapshot is None else ():
        print(problem, file=sys.stderr)
    return place.result.snapshot
