"""tests/unit mirrors src, both ways: who changes a module knows where its tests are."""

from tests.support.tree import ROOT, SRC, functions, modules, named

UNIT = ROOT / "tests" / "unit"

# Modules whose tests are elsewhere, and where. An entry for a module that has its own unit test
# fails: the list may only shrink.
ELSEWHERE: dict[str, str] = {}


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


def test_every_module_with_logic_has_its_unit_test() -> None:
    missing = {module for module in with_logic() if not (ROOT / expected(module)).is_file()}
    assert missing - set(ELSEWHERE) == set()


def test_every_unit_test_has_its_module() -> None:
    known = {expected(named(path)) for path in SRC.rglob("*.py")}
    assert {named(path) for path in UNIT.rglob("test_*.py")} - known == set()


def test_the_list_of_exceptions_only_shrinks() -> None:
    needed = {module for module in with_logic() if not (ROOT / expected(module)).is_file()}
    assert set(ELSEWHERE) - needed == set()


def test_what_the_exceptions_name_exists() -> None:
    assert [place for place in ELSEWHERE.values() if not (ROOT / place).exists()] == []
