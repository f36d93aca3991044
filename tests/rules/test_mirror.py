"""tests/unit mirrors src, both ways: who changes a module knows where its tests are."""

from pathlib import Path

import pytest
from tests.support.tree import ROOT, SRC, functions, modules, named

UNIT = ROOT / "tests" / "unit"

# Modules (or, ending in `/`, packages) that wait for sockets, processes or databases, or are judged
# by what goes over the wire: where their tests are. An entry that is no longer needed fails.
ELSEWHERE: dict[str, str] = {
    "src/hx_gateway/app/": "tests/e2e",  # the composition root: seen as a whole, as a process
    "src/hx_gateway/cli/": "tests/e2e/test_commands.py",
    "src/hx_gateway/local/": "tests/contract",  # what runs in child processes
    "src/hx_gateway/store/": "tests/contract",
    "src/hx_gateway/transport/server/": "tests/contract/edge",
}


def expected(module: str) -> str:
    """Where the unit test of a module is: src/hx_gateway/a/b.py -> tests/unit/a/test_b.py."""
    folder, _, name = module.removeprefix("src/hx_gateway/").rpartition("/")
    return "/".join(part for part in ("tests/unit", folder, f"test_{name}") if part)


def with_logic() -> set[str]:
    """Modules that hold a function; pure data, protocols without a body and packages do not."""
    return {
        named(path)
        for path in modules()
        if path.name not in {"__init__.py", "__main__.py"}
        and any(not _is_declaration(function) for function in functions(path))
    }


def _is_declaration(function: object) -> bool:
    body = getattr(function, "body", [])
    last = getattr(getattr(body[-1], "value", None), "value", None) if body else None
    return last is ...


def missing() -> set[str]:
    """Modules with logic that have no unit test."""
    return {module for module in with_logic() if not (ROOT / expected(module)).is_file()}


def covers(entry: str, module: str) -> bool:
    """Whether an entry of the list speaks of a module."""
    return module.startswith(entry) if entry.endswith("/") else module == entry


def test_every_module_with_logic_has_its_unit_test() -> None:
    lost = {module for module in missing() if not any(covers(entry, module) for entry in ELSEWHERE)}
    assert lost == set()


def test_every_unit_test_has_its_module() -> None:
    known = {expected(named(path)) for path in SRC.rglob("*.py")}
    assert {named(path) for path in UNIT.rglob("test_*.py")} - known == set()


def test_the_list_of_exceptions_only_shrinks() -> None:
    needed = missing()
    idle = {entry for entry in ELSEWHERE if not any(covers(entry, module) for module in needed)}
    assert idle == set()


def test_what_the_exceptions_name_exists() -> None:
    assert [place for place in ELSEWHERE.values() if not (ROOT / place).exists()] == []


def test_a_module_without_its_test_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "src" / "hx_gateway" / "auth"
    package.mkdir(parents=True)
    (package / "logic.py").write_text("def f() -> int:\n    return 1\n")
    (package / "protocol.py").write_text("class P:\n    def f(self) -> int: ...\n")
    for module in ("tests.support.tree", __name__):
        monkeypatch.setattr(f"{module}.ROOT", tmp_path)
    monkeypatch.setattr("tests.support.tree.SRC", tmp_path / "src" / "hx_gateway")
    assert missing() == {"src/hx_gateway/auth/logic.py"}
    test = tmp_path / "tests" / "unit" / "auth" / "test_logic.py"
    test.parent.mkdir(parents=True)
    test.touch()
    assert missing() == set()
