import argparse
from pathlib import Path

import msgspec
import pytest
from tests.support.configs import check

from hx_gateway.cli.check import add, as_json, as_text, exit_code
from hx_gateway.cli.main import EXIT_FAILED, EXIT_OK, EXIT_USAGE

MODEL = "model_list: [{model_name: m, litellm_params: {model: openai/x, api_key: canary}}]\n"


@pytest.mark.parametrize(
    ("text", "code", "last"),
    [
        (MODEL, EXIT_OK, "the configuration is good"),
        (MODEL + "typo: 1", EXIT_FAILED, "the gateway starts, but 1 key(s) have no effect"),
        (MODEL + "hx: {typo: 1}", EXIT_USAGE, "1 problem(s)"),
        ("model_list: 5", EXIT_USAGE, "1 problem(s)"),
    ],
)
def test_the_exit_code_is_the_truth_and_the_verdict_stands_last(
    tmp_path: Path, text: str, code: int, last: str
) -> None:
    result = check(tmp_path, text)
    assert exit_code(result) == code
    assert as_text(result).splitlines()[-1] == last


def test_every_setting_is_printed_with_its_source_even_when_something_is_wrong(
    tmp_path: Path,
) -> None:
    text = as_text(check(tmp_path, MODEL + "hx: {typo: 1}", {"PORT": "4001"}))
    assert "hx.server.port" in text
    assert "4001  [environment PORT]" in text
    assert "hx.typo: unknown setting" in text
    assert "canary" not in text


def test_json_says_the_same(tmp_path: Path) -> None:
    report = msgspec.json.decode(as_json(check(tmp_path, MODEL + "typo: 1"), ok=False))
    assert report["ok"] is False
    assert report["problems"] == []
    assert "typo" in report["no_effect"][0]
    assert {"path": "hx.server.port", "value": "4000", "source": "default"} in report["settings"]


def test_the_command_reads_the_file_it_is_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("hx: [1]\n")
    parent = argparse.ArgumentParser(add_help=False)
    parent.add_argument("--config", type=Path)
    parent.add_argument("--env-file", type=Path)
    parser = argparse.ArgumentParser()
    add(parser.add_subparsers(), [parent])
    args = parser.parse_args(["check", "--config", str(path), "--json"])
    assert args.run(args) == EXIT_USAGE
    assert f"{path}:1: hx: must be a mapping" in capsys.readouterr().out
