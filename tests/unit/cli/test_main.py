import argparse
import io
import os
import subprocess
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import pytest

from hx_gateway import __version__
from hx_gateway.cli.main import EXIT_FAILED, EXIT_USAGE, VERBS, build_parser, main


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


def test_a_file_that_cannot_be_written_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """It was a traceback, also for `systemd install` by anybody but root."""
    for words in (["docs", "--write"], ["systemd", "install", "--command", "/x", "--root"]):
        assert main([*words, f"{__file__}/below"]) == EXIT_FAILED
        said = capsys.readouterr().err
        assert f"{__file__}/below" in said
        assert "not a directory" in said


@pytest.mark.parametrize("verb", ["smoke", "connect codex", "nodes list", "explain --request -"])
def test_a_key_file_that_cannot_be_read_is_named(
    verb: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HX_STATE_DIR", str(tmp_path))
    (tmp_path / "empty").touch()
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for name, reason in (("none", "no such file"), ("empty", "empty"), ("binary", "no text")):
        body = io.BytesIO(b'{"model": "demo", "messages": []}')
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(body))
        key_file = str(tmp_path / name)
        model = ["--model", "demo"] if verb.startswith("connect") else []
        assert main([*verb.split(), *model, "--key-file", key_file]) == EXIT_USAGE
        said = capsys.readouterr().err
        assert key_file in said
        assert reason in said


def test_a_reader_that_has_seen_enough_is_no_traceback() -> None:
    script = "from hx_gateway.cli import main as cli; import sys; sys.exit(cli.main(['version']))"
    reading, writing = os.pipe()
    os.close(reading)
    ran = subprocess.run(
        [sys.executable, "-u", "-c", script], stdout=writing, stderr=subprocess.PIPE, check=False
    )
    os.close(writing)
    assert (ran.returncode, ran.stderr) == (EXIT_FAILED, b"")


@pytest.mark.parametrize("verb", ["status", "doctor", "smoke", "reload"])
def test_a_port_that_cannot_be_is_wrong_use(verb: str) -> None:
    """`status --port 99999` said "stopped"."""
    for number in ("99999", "-1", "x"):
        with pytest.raises(SystemExit) as ended:
            main([verb, "--port", number])
        assert ended.value.code == EXIT_USAGE


@pytest.mark.parametrize("url", ["nonsense", "ftp://x", "http://a b", "http://a\nexport X=1"])
def test_connect_prints_no_address_that_is_none(url: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["connect", "codex", "--url", url])
    assert ended.value.code == EXIT_USAGE
