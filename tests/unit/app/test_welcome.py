"""What stands at a terminal after the start can be pasted."""

import re
import shlex
from pathlib import Path

import pytest
from tests.support.configs import MASTER_KEY, check

from hx_gateway.app.welcome import welcome

MODEL = "  - model_name: {0}\n    litellm_params: {{model: {1}, api_key: sk-x}}\n"
EMBEDDING = MODEL.format("emb", "openai/text-embedding-3-small")
WILDCARD = MODEL.format("'openai/*'", "'openai/*'")
CHAT = MODEL.format("gpt", "openai/gpt-4o")


def told(folder: Path, text: str | None = None, **environ: str) -> str:
    result = check(folder, text, {"LITELLM_MASTER_KEY": "", **environ})
    assert result.snapshot is not None, result.problems
    return welcome(result.snapshot, 4000)


def pasted(text: str) -> list[str]:
    """Read the line to paste as a shell would, but for variables."""
    (line,) = [line for line in text.splitlines() if line.startswith("  curl")]
    return shlex.split(line)


@pytest.mark.parametrize("name", ["LITELLM_MASTER_KEY", "HX_MASTER_KEY", "MASTER_KEY"])
def test_a_key_of_the_environment_is_named_where_the_shell_puts_it_in(
    tmp_path: Path, name: str
) -> None:
    """Symptom: `$LITELLM_MASTER_KEY` in single quotes, whichever variable was set."""
    text = told(tmp_path, **{name: MASTER_KEY})
    assert f'"Authorization: Bearer ${name}"' in text
    assert MASTER_KEY not in text


def test_a_key_out_of_a_file_is_told_of_by_its_place(tmp_path: Path) -> None:
    text = told(tmp_path, f"general_settings: {{master_key: {MASTER_KEY}}}\nmodel_list:\n{CHAT}")
    assert f"with the master key of {tmp_path / 'config.yaml'}:1 in MASTER_KEY:" in text
    assert '"Authorization: Bearer $MASTER_KEY"' in text
    assert MASTER_KEY not in text


def test_a_key_that_was_made_for_the_user_is_in_the_line(tmp_path: Path) -> None:
    text = told(tmp_path)
    key = (tmp_path / "state" / "master_key").read_text(encoding="ascii").strip()
    assert f"Authorization: Bearer {key}" in pasted(text)
    assert f"(kept in {tmp_path / 'state' / 'master_key'})" in text


@pytest.mark.parametrize(
    ("models", "asked"),
    [
        (EMBEDDING + CHAT, '"model": "gpt"'),
        (WILDCARD + CHAT, '"model": "gpt"'),
        (EMBEDDING + WILDCARD, "http://127.0.0.1:4000/v1/models"),
    ],
)
def test_the_line_asks_a_model_that_chats(tmp_path: Path, models: str, asked: str) -> None:
    """Symptom: the first model of a configuration was asked to chat, an embedding model too."""
    assert asked in " ".join(pasted(told(tmp_path, f"model_list:\n{models}")))


def test_models_are_named_those_too_whose_key_was_found(tmp_path: Path) -> None:
    """Symptom: `OPENAI_API_KEY` was found, and nobody was told what that gave."""
    text = told(tmp_path, OPENAI_API_KEY="sk-canary-of-openai", ANTHROPIC_API_KEY="sk-y")
    (line,) = [line for line in text.splitlines() if line.startswith("Models: ")]
    assert {"demo", "openai/*", "anthropic/*"} <= set(line.removeprefix("Models: ").split(", "))
    assert "canary" not in text


def test_of_many_models_some_are_named(tmp_path: Path) -> None:
    models = "".join(MODEL.format(f"m{n}", "openai/gpt-4o") for n in range(20)) + WILDCARD
    text = told(tmp_path, f"model_list:\n{models}")
    assert re.search(
        r"^Models: m0, m1, m2, m3, m4, m5, m6, m7, \d+ more, openai/\*$", text, re.MULTILINE
    )
