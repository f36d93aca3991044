"""The repository as data for the rule tests: its files, and what they contain."""

import ast
import os
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src" / "hx_gateway"


def modules() -> Iterator[Path]:
    """Every module of the program, by path."""
    yield from sorted(SRC.rglob("*.py"))


def python_files() -> Iterator[Path]:
    """Every Python file that is ours: program, tests, bench."""
    yield from (path for path in tracked() if path.suffix == ".py")


@cache
def parsed(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function of a file, methods and nested ones included."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def named(path: Path) -> str:
    """A path as it is written in allow-lists: relative to the repository."""
    return path.relative_to(ROOT).as_posix()


def dotted(path: Path) -> str:
    """The import name of a module of the program."""
    parts = path.relative_to(SRC.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def tracked(folder: str = ".") -> list[Path]:
    """The files that git knows (or would add) under a folder."""
    found = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", folder],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return [path for line in found.stdout.splitlines() if (path := ROOT / line).is_file()]


def find_uv() -> str:
    """Where uv is: who runs the tests by `make` says so, or it is installed."""
    found = os.environ.get("UV") or shutil.which("uv") or str(ROOT / ".uv" / "bin" / "uv")
    assert Path(found).exists(), "uv is needed (make setup)"
    return found
