"""The generated reference is what the program says now, and leaves nothing out."""

import asyncio
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from tests.support.tree import ROOT, modules

from hx_gateway.app.reference import exposed_name
from hx_gateway.app.showcase import all_endpoints
from hx_gateway.cli.main import VERBS
from hx_gateway.config.options import OPTIONS
from hx_gateway.usage.metrics import Metrics
from hx_gateway.usage.rag_metrics import RagMetrics

REFERENCE = ROOT / "docs" / "reference"
COMMAND = "## `hx-gateway {}"
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


def undocumented(names: Iterable[str], text: str, form: str = "`{}`") -> list[str]:
    """The names that a page does not hold."""
    return sorted(name for name in names if form.format(name) not in text)


def test_what_is_missing_from_a_page_is_seen() -> None:
    assert undocumented(["a", "b"], "| `a` | text |") == ["b"]
    assert undocumented(["a"], "## `hx-gateway b`", COMMAND) == ["a"]


def test_every_command_is_documented() -> None:
    assert undocumented(VERBS, page("commands.md"), COMMAND) == []


def test_oas_03_every_endpoint_is_documented_with_its_scope_and_operation() -> None:
    """The page is the golden file of the operations' names: generated clients have them."""
    endpoints = asyncio.run(all_endpoints())
    rows = [f"| `{one.method} {one.path}` | `{one.scope}` | `{one.name}` |" for one in endpoints]
    assert undocumented(rows, page("endpoints.md"), "{}") == []


def test_every_metric_is_documented() -> None:
    metrics = Metrics("0")
    RagMetrics(metrics.registry)
    names = [exposed_name(family) for family in metrics.registry.collect()]
    assert len(names) > 10
    assert undocumented(names, page("metrics.md")) == []


def test_every_setting_is_documented() -> None:
    text = page("settings.md")
    names = [option.path.partition(".")[2] for option in OPTIONS]
    names += [name for option in OPTIONS for name in (*option.env, *option.off_env)]
    assert undocumented(names, text) == []


def test_every_error_code_is_documented() -> None:
    """Codes stand in classes and, as literals, where an error is raised."""
    text = page("errors.md")
    used = {
        code
        for path in modules()
        for code in re.findall(r"\bcode=\"([a-z_]+)\"", path.read_text(encoding="utf-8"))
    }
    assert used
    assert undocumented(used, text) == []
