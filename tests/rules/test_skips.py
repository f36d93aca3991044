"""A test is skipped in one way only, and nowhere in CI."""

from pathlib import Path

import pytest
from tests.support.absent import ALL_HERE, absent

TESTS = Path(__file__).parents[1]
CALL = "pytest." + "skip("


def test_tests_are_skipped_by_absent_alone() -> None:
    found = {p.name for p in TESTS.rglob("*.py") if CALL in p.read_text(encoding="utf-8")}
    assert found == {"absent.py"}


def test_what_is_absent_is_skipped_and_fails_where_all_must_be_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(ALL_HERE, raising=False)
    with pytest.raises(pytest.skip.Exception, match="nginx is missing"):
        absent("nginx")
    monkeypatch.setenv(ALL_HERE, "1")
    with pytest.raises(pytest.fail.Exception, match="nginx is missing"):
        absent("nginx")
