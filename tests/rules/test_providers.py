"""A vendor is one file: its PROVIDER, its goldens, and nobody else says its name."""

import re
from importlib import import_module
from pathlib import Path

import pytest
from tests.support.tree import ROOT, SRC, modules, named, parsed

PROVIDERS = SRC / "providers"
GOLDEN = ROOT / "tests" / "golden"
FILES = sorted(path for path in PROVIDERS.glob("*.py") if path.name != "__init__.py")

# Words that are vendors' names and something else besides, and where the something else lives.
# A wire format carries the name of the vendor that published it; that is the dialect's name.
ALSO: dict[str, str] = {}


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


@pytest.mark.parametrize("name", sorted(vendor_files()))
def test_a_provider_is_named_as_its_file(name: str) -> None:
    assert import_module(f"hx_gateway.providers.{name}").PROVIDER.name == name


@pytest.mark.parametrize("name", sorted(vendor_files()))
def test_a_provider_has_goldens_for_each_operation_it_speaks(name: str) -> None:
    provider = import_module(f"hx_gateway.providers.{name}").PROVIDER
    present = {path.name.split(".")[0] for path in (GOLDEN / name).glob("*.request.json")}
    assert set(map(str, provider.speaks)) - present == set()


def strangers(name: str) -> list[str]:
    """Lines outside the vendor's own file where the program's code says a vendor's name."""
    word = re.compile(rf"[\"'][^\"']*\b{re.escape(name)}\b[^\"']*[\"']", re.IGNORECASE)
    allowed = ALSO.get(name, "$^")
    return [
        f"{named(path)}:{number}"
        for path in modules()
        if PROVIDERS not in path.parents and not re.search(allowed, named(path))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if word.search(line)
    ]


@pytest.mark.parametrize("name", sorted(vendor_files()))
def test_a_vendor_is_named_in_its_own_file_only(name: str) -> None:
    assert strangers(name) == []
