"""Each gate is broken on purpose and seen to fail: a check that cannot fail is none."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from tests.support.tree import ROOT, SRC

BIN = Path(sys.executable).parent
SETTINGS: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
BANNED = SETTINGS["tool"]["ruff"]["lint"]["flake8-tidy-imports"]["banned-api"]
CONTRACTS = [contract["name"] for contract in SETTINGS["tool"]["importlinter"]["contracts"]]


def ruff(text: str, where: str = "src/hx_gateway/web/probe.py") -> set[str]:
    """The rules that a text breaks in a place of the tree."""
    command = [
        str(BIN / "ruff"),
        "check",
        "--output-format=concise",
        "--stdin-filename",
        where,
        "-",
    ]
    run = subprocess.run(command, input=text, cwd=ROOT, capture_output=True, text=True, check=False)
    found = {line.split(": ")[1].split()[0] for line in run.stdout.splitlines() if ": " in line}
    assert bool(found) is bool(run.returncode), run.stdout + run.stderr
    return found


def use_of(name: str) -> str:
    """A module that uses a banned name."""
    module = name.split(".", maxsplit=1)[0]
    return f'"""Probe."""\n\nimport {module}\n\nprobe = {name}\n'


@pytest.mark.parametrize("name", sorted(BANNED))
def test_ruff_stops_every_banned_name(name: str) -> None:
    assert "TID251" in ruff(use_of(name))


BRANCHES = "".join(f"    if a == {n}:\n        return {n}\n" for n in range(9))
BREACHES = [
    ("eval(input())", "S307"),
    ("exec(input())", "S102"),
    ("print(1)", "T201"),
    ("try:\n    pass\nexcept Exception:\n    raise ValueError from None", "BLE001"),
    ("import subprocess\n\nsubprocess.run(input(), shell=True, check=True)", "S602"),
    ("from . import other", "TID252"),
    ("def f(a: int) -> int:\n" + BRANCHES + "    return a", "C901"),
    ("def f(a, b, c, d, e, g, h, i, j): ...", "PLR0913"),
    ("def f(x: int, flag: bool) -> None: ...", "FBT001"),
    ("import pickle\n\npickle.loads(input())", "S301"),
    ("def undocumented() -> None: ...", "D103"),
    ("x = 1  # noqa", "PGH004"),
]


@pytest.mark.parametrize(("text", "rule"), BREACHES, ids=[rule for _, rule in BREACHES])
def test_ruff_stops_what_the_habits_forbid(text: str, rule: str) -> None:
    assert rule in ruff(f'"""Probe."""\n\n{text}\n')


def test_ruff_lets_a_clean_module_pass() -> None:
    assert ruff('"""Probe."""\n\nPROBE = 1\n') == set()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("def f(a): return a", "no-untyped-def"),
        ("x: int = 'text'", "assignment"),
        ("def f(a: dict) -> None: ...", "type-arg"),
    ],
)
def test_mypy_is_strict(text: str, code: str, tmp_path: Path) -> None:
    (tmp_path / "probe.py").write_text(f"{text}\n", encoding="utf-8")
    options = ["--config-file", f"{ROOT}/pyproject.toml", "--cache-dir", f"{tmp_path}/cache"]
    command = [str(BIN / "mypy"), *options, str(tmp_path / "probe.py")]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 1, run.stdout
    assert f"[{code}]" in run.stdout


# Contract -> a file that breaks it, and what it says. A new contract needs a line here.
INTRUDERS = {
    "Layers point down": ("core/probe.py", "import hx_gateway.web.router"),
    "Only the composition root and the child processes know the adapters": (
        "manage/probe.py",
        "import hx_gateway.store.memory",
    ),
    "The thinking parts do no I/O": ("dialects/probe.py", "import socket"),
    "Features know only core": ("auth/probe.py", "import hx_gateway.dialects.sse"),
    "Providers do not know one another": (
        "providers/openai.py",
        "import hx_gateway.providers.anthropic",
    ),
    "No cycles anywhere": ("rag/probe.py", "import hx_gateway.usage.probe"),
}
OTHER_HALF = ("usage/probe.py", "import hx_gateway.rag.probe")


def contracts(folder: Path) -> dict[str, bool]:
    """Which contracts a copy of the program keeps."""
    command = [str(BIN / "lint-imports"), "--no-cache", "--config", str(folder / "pyproject.toml")]
    run = subprocess.run(
        command,
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PATH": str(BIN), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = run.stdout.splitlines()
    kept = {
        name: any(line.startswith(name) and "KEPT" in line for line in lines)
        for name in CONTRACTS
        if any(line.startswith(name) for line in lines)
    }
    assert set(kept) == set(CONTRACTS), run.stdout + run.stderr
    assert (run.returncode == 0) is all(kept.values()), run.stdout
    return kept


def test_every_import_contract_can_break(tmp_path: Path) -> None:
    assert set(INTRUDERS) == set(CONTRACTS)
    shutil.copytree(SRC, tmp_path / "hx_gateway", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    assert all(contracts(tmp_path).values())
    for name, text in (*INTRUDERS.values(), OTHER_HALF):
        path = tmp_path / "hx_gateway" / name
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        path.write_text(f"{before}\n{text}\n", encoding="utf-8")
    assert not any(contracts(tmp_path).values())


def test_a_package_without_a_place_breaks_the_layers(tmp_path: Path) -> None:
    shutil.copytree(SRC, tmp_path / "hx_gateway", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "hx_gateway" / "newcomer").mkdir()
    (tmp_path / "hx_gateway" / "newcomer" / "__init__.py").write_text("")
    assert contracts(tmp_path)["Layers point down"] is False


def test_codespell_stops_a_misspelling(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("It recieves requests.\n")
    command = [str(BIN / "codespell"), str(tmp_path / "page.md")]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode != 0
