import argparse
import subprocess
import sys
from collections.abc import Sequence
from importlib import import_module

import pytest

from hx_gateway import __version__
from hx_gateway.cli.main import VERBS, build_parser, main


def summaries(parser: argparse.ArgumentParser) -> dict[str, str]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return {choice.dest: choice.help or "" for choice in action._choices_actions}
    return {}


def test_every_verb_is_a_module_that_says_what_the_table_says() -> None:
    assert summaries(build_parser(tuple(VERBS))) == dict(VERBS)


def test_version_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == 0
    assert capsys.readouterr().out.startswith("hx-gateway ")


def test_the_version_is_asked_for_as_everywhere(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"hx-gateway {__version__}\n"


@pytest.mark.parametrize(
    "words", [[], ["unknown"], ["version", "--bogus"], ["serve", "--port", "x"]]
)
def test_wrong_use_ends_with_2(words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2


def test_help_lists_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    out = capsys.readouterr().out
    assert [verb for verb in VERBS if verb not in out] == []


def test_every_verb_takes_the_common_options() -> None:
    parser = build_parser(["version"])
    args = parser.parse_args(["version", "--config", "c.yaml", "--env-file", "e.env"])
    assert (str(args.config), str(args.env_file)) == ("c.yaml", "e.env")


def imported(words: Sequence[str]) -> set[str]:
    script = (
        "import sys\nfrom hx_gateway.cli.main import build_parser\n"
        f"build_parser({list(words)!r})\nprint(*sys.modules)"
    )
    run = [sys.executable, "-c", script]
    return set(subprocess.run(run, check=True, capture_output=True, text=True).stdout.split())


def test_a_verb_does_not_pay_for_another() -> None:
    verbs = {f"hx_gateway.cli.{verb}" for verb in VERBS}
    assert imported(["version"]) & verbs == {"hx_gateway.cli.version"}


def test_modules_are_where_the_table_says() -> None:
    for verb in VERBS:
        assert callable(import_module(f"hx_gateway.cli.{verb}").add)


@pytest.mark.parametrize(
    "words",
    [
        ["db", "--config", "a.yaml", "status"],
        ["db", "status", "--config", "a.yaml"],
        ["keys", "--config", "a.yaml", "list"],
        ["check", "--config", "a.yaml"],
    ],
)
def test_common_options_may_stand_before_and_after_an_action(words: list[str]) -> None:
    args = build_parser([words[0]]).parse_args(words)
    assert (str(args.config), args.env_file) == ("a.yaml", None)
