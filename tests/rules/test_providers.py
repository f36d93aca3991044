"""A vendor is one file: its PROVIDER, its goldens, and nobody else says its name."""

import ast
import re
from importlib import import_module
from pathlib import Path

import pytest
from tests.support.tree import ROOT, SRC, modules, named, parsed

PROVIDERS = SRC / "providers"
GOLDEN = ROOT / "tests" / "golden"
FILES = sorted(path for path in PROVIDERS.glob("*.py") if path.name != "__init__.py")

# A wire format carries the name of the vendor that published it; that is the format's name, and the
# format's own business. Elsewhere these texts may hold a vendor's name, because they are for people
# or part of somebody else's wire.
FORMATS = SRC / "dialects"
SPOKEN = re.compile(
    r"""OpenAI-compatible|OpenAI's|Anthropic's|Cohere's|openai_\w+|anthropic_\w+|ollama_\w+
    |\((OpenAI|Anthropic)\ [\w ]+\)|/openai/deployments/|/openai/(v1|models)|anthropic-(beta|version)|a,openai/\*
    |cohere_rerank|azure-blob
    """,
    re.VERBOSE,
)


def vendor_files() -> dict[str, Path]:
    """The provider files that hold one vendor each, by name."""
    return {path.stem: path for path in FILES if _assigns(path, "PROVIDER")}


def _assigns(path: Path, name: str) -> bool:
    return any(
        getattr(target, "id", None) == name
        for node in parsed(path).body
        for target in getattr(node, "targets", [getattr(node, "target", None)])
    )


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_provider_file_holds_one_vendor_or_a_table_of_them(path: Path) -> None:
    assert _assigns(path, "PROVIDER") != _assigns(path, "PROVIDERS")


def made(tree: ast.Module) -> int:
    """Count the providers that a program makes when it is loaded."""
    calls = (node for each in tree.body for node in ast.walk(each) if isinstance(node, ast.Call))
    return sum(getattr(call.func, "id", None) == "Provider" for call in calls)


@pytest.mark.parametrize("path", vendor_files().values(), ids=lambda path: path.stem)
def test_a_vendor_file_makes_one_provider(path: Path) -> None:
    assert made(parsed(path)) == 1


def test_a_second_provider_is_seen() -> None:
    one = "PROVIDER = Provider(name='a')\n"
    assert (made(ast.parse(one)), made(ast.parse(one + "_OTHER = Provider(name='b')\n"))) == (1, 2)


@pytest.mark.parametrize("name", sorted(vendor_files()))
def test_a_provider_is_named_as_its_file(name: str) -> None:
    assert import_module(f"hx_gateway.providers.{name}").PROVIDER.name == name


@pytest.mark.parametrize("name", sorted(vendor_files()))
def test_a_provider_has_goldens_for_each_operation_it_speaks(name: str) -> None:
    provider = import_module(f"hx_gateway.providers.{name}").PROVIDER
    present = {path.name.split(".")[0] for path in (GOLDEN / name).glob("*.request.json")}
    assert set(map(str, provider.speaks)) - present == set()


def strangers(name: str, text: str) -> list[str]:
    """String constants of a program that say a vendor's name. Docstrings and comments are prose."""
    tree = ast.parse(text)
    prose = set(map(_docstring, ast.walk(tree)))
    word = re.compile(rf"\b{re.escape(name)}\b", re.IGNORECASE)
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and node.value not in prose
        and word.search(SPOKEN.sub("", node.value))
    ]


def _docstring(node: ast.AST) -> str | None:
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return ast.get_docstring(node, clean=False)
    return None


@pytest.mark.parametrize("name", sorted(vendor_files()))
def test_a_vendor_is_named_in_its_own_file_only(name: str) -> None:
    others = [p for p in modules() if PROVIDERS not in p.parents and FORMATS not in p.parents]
    found = {named(path): strangers(name, path.read_text(encoding="utf-8")) for path in others}
    assert {path: texts for path, texts in found.items() if texts} == {}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("if provider == 'acme': pass", ["acme"]),
        ("x = f'acme/{model}'", ["acme/"]),
        ('def f():\n    """Acme is slow."""', []),
        ("x = 'acmeology'", []),
    ],
)
def test_the_rule_sees_a_vendor_where_it_does_not_belong(text: str, found: list[str]) -> None:
    assert strangers("acme", text) == found
