"""`hx-gateway docs`: write the generated reference."""

import argparse
import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

from hx_gateway.app.reference import HEAD, endpoints_page, errors_page, metrics_page, write_pages
from hx_gateway.app.showcase import all_endpoints
from hx_gateway.cli.main import EXIT_OK, VERBS, Nouns, build_parser
from hx_gateway.config.describe import settings_reference
from hx_gateway.config.known import open_known

WIDTH = 100


def add(verbs: Nouns, parents: Sequence[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = verbs.add_parser(
        "docs",
        help="write the generated reference",
        description="Write settings, commands, endpoints, errors and metrics as Markdown.",
        parents=parents,
    )
    parser.add_argument("--write", type=Path, metavar="DIR", required=True, help="where to write")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the pages that changed."""
    for path in write_pages(args.write, pages()):
        print(path)
    return EXIT_OK


def pages() -> Iterator[tuple[str, str]]:
    """Make every page: file name and text."""
    yield "commands.md", commands_page(build_parser(tuple(VERBS)))
    yield "settings.md", settings_reference(open_known())
    yield "endpoints.md", endpoints_page(asyncio.run(all_endpoints()))
    yield "errors.md", errors_page()
    yield "metrics.md", metrics_page()


def commands_page(parser: argparse.ArgumentParser) -> str:
    """Write the help of every command."""
    sections = [
        f"## `{command.prog}`\n\n{command.description}\n\n```\n{usage(command)}```\n"
        for command in leaves(parser)
    ]
    return "\n".join([f"# Commands\n\n{HEAD}", *sections])


def leaves(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Give every parser that runs something."""
    nested = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]  # noqa: SLF001
    if not nested:
        yield parser
    for action in nested:
        for child in action.choices.values():
            yield from leaves(child)


def usage(parser: argparse.ArgumentParser) -> str:
    """Write options and arguments, the same on every terminal."""
    parser.formatter_class = formatter
    text = parser.format_help()
    return text.replace(f"{parser.description}\n\n", "", 1)


def formatter(prog: str) -> argparse.HelpFormatter:
    """Fix the width: argparse takes the terminal's own otherwise."""
    return argparse.RawDescriptionHelpFormatter(prog, width=WIDTH, max_help_position=28)
