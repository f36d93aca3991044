"""`hx-gateway check`: print every effective setting with its source, and whatever is wrong."""

import argparse
from collections.abc import Sequence

import msgspec

from hx_gateway.cli.main import EXIT_FAILED, EXIT_OK, EXIT_USAGE, Nouns
from hx_gateway.config.embedded import find_installed
from hx_gateway.config.environment import process_environment
from hx_gateway.config.load import LoadOptions, Result, examine
from hx_gateway.core import wire


def add(verbs: Nouns, parents: Sequence[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = verbs.add_parser(
        "check",
        help="print every effective setting and what is wrong with the configuration",
        description="Read the configuration as `serve` would, change nothing, and say what it "
        "means. Exits 0 when all is well, 1 when keys have no effect, 2 when it does not compile.",
        parents=parents,
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--strict", action="store_true", help="refuse what `serve --strict` refuses"
    )
    parser.add_argument("--dev", action="store_true", help="accept what `serve --dev` accepts")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Check once."""
    result = examine(
        LoadOptions(
            config=args.config,
            env_file=args.env_file,
            environ=process_environment(),
            found=find_installed(),
            dev=args.dev,
            strict=args.strict,
            keep_key=False,
        )
    )
    code = exit_code(result)
    print(as_json(result, ok=code == EXIT_OK) if args.json else as_text(result))
    return code


def exit_code(result: Result) -> int:
    """Say how bad it is."""
    if result.problems:
        return EXIT_USAGE
    return EXIT_FAILED if result.unread else EXIT_OK


def as_json(result: Result, *, ok: bool) -> str:
    """Write the result for programs."""
    report = {
        "ok": ok,
        "digest": result.snapshot.digest if result.snapshot else None,
        "sources": [str(path) for path in result.sources],
        "problems": result.problems,
        "no_effect": result.unread,
        "warnings": result.warnings,
        "settings": [msgspec.structs.asdict(setting) for setting in result.settings],
    }
    return msgspec.json.format(wire.encode(report), indent=2).decode()


def as_text(result: Result) -> str:
    """Write the result for people: settings first, so that what is wrong stands last."""
    width = max((len(setting.path) for setting in result.settings), default=0)
    settings = [f"{s.path:<{width}}  {s.value}  [{s.source}]" for s in result.settings]
    findings = [
        *_titled("Warnings", result.warnings),
        *_titled("Keys without an effect", result.unread),
        *_titled("Problems: the gateway would not start", result.problems),
    ]
    return "\n".join([*settings, *findings, "", _verdict(result)])


def _titled(title: str, lines: Sequence[str]) -> list[str]:
    return ["", f"{title}:", *(f"  {line}" for line in lines)] if lines else []


def _verdict(result: Result) -> str:
    if result.problems:
        return f"{len(result.problems)} problem(s)"
    if result.unread:
        return f"the gateway starts, but {len(result.unread)} key(s) have no effect"
    return "the configuration is good"
