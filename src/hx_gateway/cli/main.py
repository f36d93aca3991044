"""The command `hx-gateway`: find the verb, import only its module, run it, give its exit code."""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from hx_gateway import __version__
from hx_gateway.core.errors import ConfigError, GatewayError

# Each verb is a module of this package. Only the one that is asked for is imported: `serve` must
# have its port bound within 0.3 s of exec, and no other command needs what another one imports.
VERBS: Mapping[str, str] = MappingProxyType(
    {
        "serve": "answer requests",
        "check": "print every effective setting and what is wrong with the configuration",
        "doctor": "say what is wrong with this installation, and what to do about it",
        "status": "say in one line whether the gateway serves",
        "smoke": "prove that a running gateway does its work",
        "explain": "say what would become of a call, without making it",
        "connect": "print the settings that connect a client to the gateway",
        "reload": "make a running gateway read its configuration anew",
        "keys": "make, show, change, block and remove virtual keys",
        "teams": "make, show, change, block and remove teams",
        "users": "make, show, change, block and remove users",
        "nodes": "list model servers of one's own; load, drop and download models",
        "db": "look at the schema of the database, and bring it up to date",
        "demo": "install the demo model's weights, or say whether they are there",
        "systemd": "install the systemd units",
        "docs": "write the generated reference",
        "version": "print the version",
    }
)

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2  # also argparse's own: wrong arguments, or a configuration that does not compile
EXIT_INTERRUPTED = 130  # what shells expect after SIGINT: 128 + 2


class Nouns(Protocol):
    """What `add_subparsers` gives: a place where each module puts its own parser."""

    def add_parser(
        self,
        name: str,
        *,
        help: str,  # noqa: A002 - argparse names it so
        description: str,
        parents: Sequence[argparse.ArgumentParser],
    ) -> argparse.ArgumentParser:
        """Add the parser of one verb."""
        ...


def main(argv: list[str] | None = None) -> int:
    """Run one command; 0 when it did its work, 1 when it did not, 2 for wrong use."""
    words = sys.argv[1:] if argv is None else argv
    args = build_parser([verb for verb in VERBS if verb in words]).parse_args(words)
    try:
        return int(args.run(args))
    except ConfigError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        return EXIT_USAGE
    except GatewayError as error:
        print(error.message, file=sys.stderr)
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Whoever read it has seen enough (`| head`). Python would write the rest at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    except OSError as error:
        if error.filename is None:
            raise  # no file that somebody named: a fault of ours, to be seen whole
        print(f"{error.filename}: {(error.strerror or str(error)).lower()}", file=sys.stderr)
        return EXIT_FAILED


def port(text: str) -> int:
    """Read a TCP port; 0 lets the system choose."""
    number = int(text)
    if not 0 <= number <= 65535:
        raise ValueError(text)
    return number


def build_parser(wanted: Sequence[str]) -> argparse.ArgumentParser:
    """Build the parser: the `wanted` verbs in full, the others by name and help only."""
    parser = argparse.ArgumentParser(prog="hx-gateway", allow_abbrev=False)
    parser.set_defaults(config=None, env_file=None)
    parser.description = "One OpenAI-compatible endpoint for every model you run or rent."
    parser.add_argument(
        "--version",
        action="version",
        version=f"%(prog)s {__version__}",
        help="print the version and end",
    )
    verbs = parser.add_subparsers(metavar="COMMAND", required=True, title="commands")
    parents = [_common_options()]
    for verb, summary in VERBS.items():
        if verb in wanted:
            import_module(f"hx_gateway.cli.{verb}").add(verbs, parents)
        else:
            verbs.add_parser(verb, help=summary, add_help=False)
    return parser


def _common_options() -> argparse.ArgumentParser:
    # Suppressed: a verb and its action both take them, and the one that is silent must not win.
    common = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    common.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="configuration (else CONFIG_FILE_PATH, else LITELLM_CONFIG, else embedded defaults)",
    )
    common.add_argument(
        "--env-file", type=Path, metavar="FILE", help="environment file; every value is literal"
    )
    return common
