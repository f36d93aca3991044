"""`hx-gateway teams` and `users`: the same use-cases as the API, on the configured store."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from hx_gateway.cli.main import EXIT_FAILED, EXIT_OK, EXIT_USAGE, main

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    monkeypatch.chdir(tmp_path)


def told(capsys: Capture, *words: str) -> Any:
    """Run one action with --json and decode what it prints."""
    assert main([*words, "--json"]) == EXIT_OK
    return msgspec.json.decode(capsys.readouterr().out)


@pytest.mark.parametrize("noun", ["teams", "users"])
def test_a_list_that_names_nothing_bounds_nobody_and_is_refused(noun: str, capsys: Capture) -> None:
    assert main([noun, "create", "x", "--models", ""]) == EXIT_FAILED
    assert "--models names nothing" in capsys.readouterr().err
    assert told(capsys, noun, "list")[noun] == []


@pytest.mark.parametrize("noun", ["teams", "users"])
def test_one_lives_from_create_to_delete(noun: str, capsys: Capture) -> None:
    made = told(capsys, noun, "create", "x", "--alias", "A", "--models", "m,a/*")
    assert (made["id"], made["alias"], made["models"]) == ("x", "A", ["m", "a/*"])
    assert told(capsys, noun, "list")[noun] == [made]
    assert told(capsys, noun, "update", "x", "--models", "")["models"] == []
    assert told(capsys, noun, "block", "x")["blocked"] is True
    assert told(capsys, noun, "unblock", "x")["blocked"] is False
    told(capsys, "keys", "create", f"--{noun[:-1]}", "x")
    info = told(capsys, noun, "info", "x")
    assert (info[noun[:-1]]["alias"], len(info["keys"])) == ("A", 1)
    for action in (["list"], ["info", "x"]):
        assert main([noun, *action]) == EXIT_OK
        assert "x  A" in capsys.readouterr().out
    assert told(capsys, noun, "delete", "x") == {"deleted": ["x"]}
    assert told(capsys, "keys", "list")["total"] == 0


@pytest.mark.parametrize("noun", ["teams", "users"])
@pytest.mark.parametrize("action", ["info", "update", "block", "delete"])
def test_an_absent_one_is_said_on_standard_error(noun: str, action: str, capsys: Capture) -> None:
    assert main([noun, action, "nobody"]) == EXIT_FAILED
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "There is no such" in printed.err


@pytest.mark.parametrize(
    "words",
    [
        ["teams", "create", ""],
        ["users", "create", " "],
        ["users", "create", "x", "--email", "nobody"],
        ["users", "create", "x", "--alias", ""],
    ],
)
def test_a_name_or_address_that_is_none_is_wrong_use(words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == EXIT_USAGE
