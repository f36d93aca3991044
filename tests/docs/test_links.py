"""What the documents point at exists, and the index of decisions is complete."""

import re
from pathlib import Path

import pytest
from tests.support.tree import ROOT, named, tracked

DOCUMENTS = sorted(path for path in tracked() if path.suffix == ".md")
DECISIONS = ROOT / "docs" / "decisions"


def broken(path: Path) -> list[str]:
    """Relative links of a document that lead nowhere."""
    targets = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", path.read_text(encoding="utf-8"))
    local = [target for target in targets if not re.match(r"[a-z]+:", target)]
    return [target for target in local if not (path.parent / target).exists()]


@pytest.mark.parametrize("path", DOCUMENTS, ids=[named(path) for path in DOCUMENTS])
def test_links_lead_somewhere(path: Path) -> None:
    assert broken(path) == []


def test_a_broken_link_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text("[a](missing.md) [b](https://example.com) [c](page.md#part)")
    assert broken(path) == ["missing.md"]


def test_every_decision_is_in_the_index() -> None:
    index = (DECISIONS / "README.md").read_text(encoding="utf-8")
    pages = [path.name for path in DECISIONS.glob("0*.md")]
    assert [name for name in pages if f"]({name})" not in index] == []


def test_decisions_have_numbers_of_their_own() -> None:
    numbers = [path.name[:4] for path in DECISIONS.glob("0*.md")]
    assert len(numbers) == len(set(numbers))
