"""Every module says what it is for, imports at its top, and does nothing when imported."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.tree import dotted, modules, named, parsed

MODULES = list(modules())
IDS = [named(path) for path in MODULES]

# Path -> why a module is imported inside a function. May only shrink.
LATE = {
    "src/hx_gateway/local/chat.py": "the child's socket answers while its library is loading",
    "src/hx_gateway/local/embed.py": "the child's socket answers while its library is loading",
    "src/hx_gateway/local/vectors.py": "the child's socket answers while its library is loading",
}

# Imports every module it is told, and prints what touched the network or started a process.
WATCH = """
import sys
WATCHED = ("socket.connect", "socket.getaddrinfo", "socket.bind", "subprocess.Popen", "os.exec",
           "os.posix_spawn", "os.fork", "os.system")
seen = []
sys.addaudithook(lambda event, args: seen.append(event) if event in WATCHED else None)
import importlib, importlib.util
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("hx_gateway"):
            raise
print(" ".join(seen), end="")
"""


def late_imports(tree: ast.Module) -> Iterator[int]:
    """Lines of imports that are not at the top level of their module."""
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    yield node.lineno


@pytest.mark.parametrize("path", MODULES, ids=IDS)
def test_a_module_says_what_it_is_for(path: Path) -> None:
    text = ast.get_docstring(parsed(path)) or ""
    assert len(text.split("\n")[0]) > 10


@pytest.mark.parametrize("path", MODULES, ids=IDS)
def test_imports_are_at_the_top(path: Path) -> None:
    assert bool(list(late_imports(parsed(path)))) is (named(path) in LATE)


def test_a_late_import_is_seen() -> None:
    assert list(late_imports(ast.parse("def f():\n    import os\n"))) == [2]


def watched(*arguments: str) -> str:
    """What importing some modules did that it should not."""
    script = [sys.executable, "-W", "ignore", "-c", WATCH, *arguments]
    return subprocess.run(script, check=True, capture_output=True, text=True).stdout


def test_importing_touches_no_network_and_starts_no_process() -> None:
    names = [dotted(path) for path in MODULES if path.name != "__main__.py"]
    assert watched(*names) == ""


def test_a_touch_of_the_network_would_be_seen(tmp_path: Path) -> None:
    (tmp_path / "greedy.py").write_text("import socket\nsocket.socket().bind(('127.0.0.1', 0))\n")
    script = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{WATCH}"
    run = [sys.executable, "-W", "ignore", "-c", script, "greedy"]
    assert subprocess.run(run, check=True, capture_output=True, text=True).stdout == "socket.bind"
