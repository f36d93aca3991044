"""The generated reference is what the program says now, and leaves nothing out."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.tree import ROOT, modules

from hx_gateway.cli.main import VERBS
from hx_gateway.config.options import OPTIONS

REFERENCE = ROOT / "docs" / "reference"
PAGES = ("commands.md", "settings.md", "endpoints.md", "errors.md", "metrics.md")


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reference")
    command = [sys.executable, "-m", "hx_gateway", "docs", "--write", str(folder)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return folder


def page(name: str) -> str:
    return (REFERENCE / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PAGES)
def test_the_reference_is_up_to_date(name: str, fresh: Path) -> None:
    """`make docs` writes it anew."""
    assert page(name) == (fresh / name).read_text(encoding="utf-8")


def test_there_is_no_other_page(fresh: Path) -> None:
    assert {path.name for path in fresh.iterdir()} == set(PAGES)
    assert {path.name for path in REFERENCE.iterdir()} == set(PAGES)


def test_every_command_is_documented() -> None:
    text = page("commands.md")
    assert [verb for verb in VERBS if f"## `hx-gateway {verb}" not in text] == []


def test_every_setting_is_documented() -> None:
    text = page("settings.md")
    names = [option.path.partition(".")[2] for option in OPTIONS]
    names += [name for option in OPTIONS for name in (*option.env, *option.off_env)]
    assert [name for name in names if f"`{name}`" not in text] == []


def test_every_error_code_is_documented() -> None:
    """Codes stand in classes and, as literals, where an error is raised."""
    text = page("errors.md")
    used = {
        code
        for path in modules()
        for code in re.findall(r"\bcode=\"([a-z_]+)\"", path.read_text(encoding="utf-8"))
    }
    assert used
    assert sorted(code for code in used if f"`{code}`" not in text) == []


def test_a_metric_that_is_not_documented_would_be_missed() -> None:
    assert "`litellm_proxy_total_requests_metric_total`" in page("metrics.md")
    assert "`hx_not_a_metric`" not in page("metrics.md")
