"""`hx-gateway keys`: the same use-cases as the API, on the configured store."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from hx_gateway.auth.keys import is_key, key_id
from hx_gateway.cli.main import EXIT_FAILED, EXIT_OK, EXIT_USAGE, main

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    monkeypatch.chdir(tmp_path)


def keys(capsys: Capture, *words: str) -> Any:
    """Run one action with --json and decode what it prints."""
    assert main(["keys", *words, "--json"]) == EXIT_OK
    return msgspec.json.decode(capsys.readouterr().out)


def test_a_key_lives_from_create_to_delete(capsys: Capture) -> None:
    made = keys(capsys, "create", "--alias", "a", "--models", "m, openai/*", "--duration", "30d")
    assert is_key(made["key"])
    assert made["id"] == key_id(made["key"])
    assert made["models"] == ["m", "openai/*"]
    listed = keys(capsys, "list")
    assert (listed["total"], listed["keys"][0]["alias"]) == (1, "a")
    assert keys(capsys, "block", "a")["blocked"] is True
    assert keys(capsys, "unblock", made["id"])["blocked"] is False
    assert keys(capsys, "info", made["key"])["id"] == made["id"]
    changed = keys(capsys, "update", "a", "--models", "n")
    assert (changed["models"], changed["expires_at"]) == (["n"], made["expires_at"])
    renewed = keys(capsys, "regenerate", "a")
    assert renewed["id"] == key_id(renewed["key"]) != made["id"]
    assert keys(capsys, "delete", "a") == {"deleted": [renewed["id"]]}
    assert keys(capsys, "list")["total"] == 0


def test_create_prints_the_key_alone_and_nothing_shows_it_again(capsys: Capture) -> None:
    assert main(["keys", "create", "--alias", "a"]) == EXIT_OK
    printed = capsys.readouterr()
    text = printed.out.strip()
    assert is_key(text)
    assert text not in printed.err
    assert main(["keys", "list"]) == EXIT_OK
    assert main(["keys", "info", "a"]) == EXIT_OK
    again = capsys.readouterr()
    assert text not in again.out + again.err
    assert key_id(text) in again.out


@pytest.mark.parametrize(
    "words",
    [
        ["create", "--duration", "soon"],
        ["create", "--scopes", "root"],
        ["create", "--models", "a*b*"],
        ["info", "nobody"],
        ["delete", "nobody"],
        ["block", "0" * 64],
    ],
)
def test_a_mistake_is_said_on_standard_error(words: list[str], capsys: Capture) -> None:
    assert main(["keys", *words]) == EXIT_FAILED
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err
    assert "Traceback" not in printed.err


@pytest.mark.parametrize(
    "words", [[], ["list", "--limit", "0"], ["list", "--offset", "-1"], ["sing"]]
)
def test_wrong_use_is_its_own_exit_code(words: list[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["keys", *words])
    assert end.value.code == EXIT_USAGE


def test_a_name_does_not_paint_the_terminal_or_fake_a_line(capsys: Capture) -> None:
    assert main(["keys", "create", "--alias", "a\x1b[31m\nsk-...fake  b  active"]) == EXIT_OK
    capsys.readouterr()
    assert main(["keys", "list"]) == EXIT_OK
    out = capsys.readouterr().out
    assert len(out.splitlines()) == 1
    assert "\x1b" not in out
    assert "a\\x1b[31m\\nsk-" in out


@pytest.mark.parametrize("option", ["--models", "--namespaces", "--scopes"])
def test_an_option_that_names_nothing_makes_no_key(option: str, capsys: Capture) -> None:
    """`--models "$UNSET"` made a key for all models."""
    assert main(["keys", "create", option, " , "]) == EXIT_FAILED
    assert option.removeprefix("--") in capsys.readouterr().err
    assert keys(capsys, "list")["total"] == 0


@pytest.mark.parametrize("option", ["--tenant", "--alias", "--user", "--team"])
@pytest.mark.parametrize("text", ["", "  ", "x" * 257])
def test_a_name_that_is_none_is_wrong_use(option: str, text: str, capsys: Capture) -> None:
    """`--tenant "$UNSET"` made a key of a tenant without a name, apart from all others."""
    with pytest.raises(SystemExit) as ended:
        main(["keys", "create", option, text])
    assert ended.value.code == EXIT_USAGE
    assert keys(capsys, "list")["total"] == 0


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "x"])
def test_a_limit_beyond_what_can_be_listed_is_said_in_one_line(limit: str, capsys: Capture) -> None:
    with pytest.raises(SystemExit):
        main(["keys", "list", "--limit", limit])
    assert len(capsys.readouterr().err) < 400
