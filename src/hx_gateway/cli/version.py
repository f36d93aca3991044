"""`hx-gateway version`: which release this is, on which Python."""

import argparse
import platform
from collections.abc import Sequence

from hx_gateway import __version__
from hx_gateway.cli.main import EXIT_OK, Nouns


def add(verbs: Nouns, parents: Sequence[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = verbs.add_parser(
        "version", help="print the version", description="Print the version.", parents=parents
    )
    parser.set_defaults(run=run)


def run(_args: argparse.Namespace) -> int:
    """Print one line: name, version, interpreter."""
    print(f"hx-gateway {__version__} (Python {platform.python_version()})")
    return EXIT_OK
