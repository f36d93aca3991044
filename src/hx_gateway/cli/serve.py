"""`hx-gateway serve`: read the arguments and hand over to the composition root."""

import argparse
from collections.abc import Sequence

from hx_gateway.app import serve
from hx_gateway.app.options import ServeOptions
from hx_gateway.cli.main import Nouns, port


def add(verbs: Nouns, parents: Sequence[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = verbs.add_parser(
        "serve",
        help="answer requests",
        description="Bind the port, then load everything else, and answer until told to stop.",
        parents=parents,
    )
    parser.add_argument("--host", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=port, help="port to listen on (default 4000)")
    parser.add_argument(
        "--workers",
        "--num_workers",
        type=positive,
        default=1,
        help="processes that serve the port together (default 1); more need REDIS_URL",
    )
    parser.add_argument(
        "--dev", action="store_true", help="accept a weak master key: never where others can reach"
    )
    parser.add_argument("--strict", action="store_true", help="refuse unknown settings")
    parser.add_argument(
        "--migrate", action="store_true", help="bring the PostgreSQL schema up to date first"
    )
    parser.add_argument(
        "--debug",
        "--detailed_debug",
        action="store_true",
        help="log everything, whatever level is configured",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until told to stop."""
    return serve.run(
        ServeOptions(
            config=args.config,
            env_file=args.env_file,
            host=args.host,
            port=args.port,
            workers=args.workers,
            dev=args.dev,
            debug=args.debug,
            strict=args.strict,
            migrate=args.migrate,
        )
    )


def positive(text: str) -> int:
    """Read a number that is at least 1."""
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number
