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
from hx_gateway.web.endpoint import Endpoint

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


def untested(endpoints: Iterable[Endpoint], text: str) -> list[str]:
    """Operations of which no test names a path; aliases (`chat_1`) are the operation's own."""
    operations: dict[str, list[str]] = {}
    for one in endpoints:
        operations.setdefault(re.sub(r"_\d+$", "", one.name), []).append(one.path)
    return [name for name, paths in operations.items() if not any(named(p, text) for p in paths)]


def named(path: str, text: str) -> bool:
    """Whether a path stands in a test, with whatever there is for its `{name}` parts.

    What comes before the first of them may be a constant of the test.
    """
    head, brace, rest = path.partition("{")
    rest = re.sub(r"\\\{\w+(:path)?\\\}", r"[^\\s\"]+", re.escape(brace + rest))
    starts = [re.escape(head), *([r"\{[A-Z]+\}/"] if brace else [])]
    return any(re.search(rf"[\"'}}]{start}{rest}/?[\"'?]", text) for start in starts)


def test_oas_09_no_route_is_undocumented_or_untested() -> None:
    endpoints = asyncio.run(all_endpoints())
    served = {f"{one.method} {one.path}" for one in endpoints}
    assert (
        set(re.findall(r"^\| `([A-Z]+ /[^`]*)` \|", page("endpoints.md"), re.MULTILINE)) == served
    )
    tests = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    assert untested(endpoints, tests) == []


def test_oas_09_a_route_that_nobody_tests_is_seen() -> None:
    endpoints = asyncio.run(all_endpoints())
    assert len(untested(endpoints, "")) > 50
    assert not named("/v1/models", 'ask("/v1/models/x")')
    assert named("/v1/models", 'ask("/v1/models?a=1")')
    assert named("/v1/nodes/{name}/pull", 'f"/v1/nodes/{node}/pull"')
