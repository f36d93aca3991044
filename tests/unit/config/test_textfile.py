import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from hx_gateway.config.report import Place, Report
from hx_gateway.config.textfile import read_text

DECLARED = Place("--config")


def problem(path: Path) -> str:
    report = Report()
    assert read_text(path, DECLARED, report) is None
    return report.problems[0]


def test_a_missing_file_is_told_apart_from_one_that_is_no_file(tmp_path: Path) -> None:
    assert problem(tmp_path / "no.yaml").startswith(f"--config: file not found: {tmp_path}/no.yaml")
    assert "is a directory" in problem(tmp_path)


@pytest.fixture
def unreadable(tmp_path: Path) -> Iterator[Path]:
    """A file whose mode stops us; root, whom no mode stops, becomes somebody else meanwhile."""
    path = tmp_path / "secret.yaml"
    path.write_text("a: 1")
    path.chmod(0)
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    yield path
    os.seteuid(before)


def test_an_unreadable_file_is_told_apart_from_a_missing_one(unreadable: Path) -> None:
    assert f"file not readable by this user: {unreadable}" in problem(unreadable)


def test_a_file_in_another_encoding_is_named(tmp_path: Path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"a: \xfc\n")
    assert "not UTF-8" in problem(path)


def test_a_name_that_the_system_refuses_is_a_problem(tmp_path: Path) -> None:
    assert "cannot be read" in problem(tmp_path / ("x" * 300))


def test_a_byte_order_mark_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "bom.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert read_text(path, DECLARED, Report()) == "a: 1\n"
