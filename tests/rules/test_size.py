"""Files and functions stay small; whoever may not is listed here with the reason."""

from pathlib import Path

import pytest
from tests.support.tree import functions, named, python_files

MAX_FILE = 400
MAX_FUNCTION = 60

# Path or path:function -> why. May only shrink: an entry that is no longer needed fails the test.
ALLOWED: dict[str, str] = {}


def too_long(path: Path) -> set[str]:
    """What of a file is over a limit, as it would stand in the allow-list."""
    found = set()
    if len(path.read_text(encoding="utf-8").splitlines()) > MAX_FILE:
        found.add(named(path))
    for function in functions(path):
        if (function.end_lineno or function.lineno) - function.lineno + 1 > MAX_FUNCTION:
            found.add(f"{named(path)}:{function.name}")
    return found


def test_files_and_functions_stay_within_their_limits() -> None:
    found = set().union(*map(too_long, python_files()))
    assert found - set(ALLOWED) == set()


def test_the_allow_list_only_shrinks() -> None:
    found = set().union(*map(too_long, python_files()))
    assert set(ALLOWED) - found == set()


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("x = 1\n" * MAX_FILE, False),
        ("x = 1\n" * (MAX_FILE + 1), True),
        ("def f():\n" + "    x = 1\n" * (MAX_FUNCTION - 1), False),
        ("def f():\n" + "    x = 1\n" * MAX_FUNCTION, True),
        ("async def f():\n" + "    x = 1\n" * MAX_FUNCTION, True),
    ],
)
def test_the_rule_sees_what_is_too_long(
    text: str, wrong: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.support.tree.ROOT", tmp_path)
    path = tmp_path / "file.py"
    path.write_text(text)
    assert bool(too_long(path)) is wrong
