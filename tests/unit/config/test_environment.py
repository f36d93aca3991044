import os
from pathlib import Path

import pytest
from tests.support.configs import variables

from hx_gateway.config.environment import (
    Variable,
    credentials_directory,
    listen_fds,
    notify_socket,
    process_environment,
    read_environment,
    state_dir,
)
from hx_gateway.config.report import Place, Report


def env_file(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "gateway.env"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_env_file_wins_over_credentials_over_the_process(tmp_path: Path) -> None:
    folder = tmp_path / "credentials"
    folder.mkdir()
    for name in ("a", "B"):
        (folder / name).write_text(f"credential-{name}\n")
    (folder / "not-a-name").write_text("x")
    environ = {"A": "process", "B": "process", "C": "process", "CREDENTIALS_DIRECTORY": str(folder)}
    report = Report()
    found = read_environment(environ, env_file(tmp_path, "A=file"), report, strict=True)
    assert [found.text(name) for name in "ABC"] == ["file", "credential-B", "process"]
    assert [str(v.place) for name in "ABC" if (v := found.get(name))] == [
        f"{tmp_path}/gateway.env:1",
        "credential B",
        "environment C",
    ]
    assert report.problems == report.warnings == []


def test_an_empty_value_counts_as_not_set() -> None:
    below = variables(A="below")
    assert below.below({"A": Variable("", Place("top"))}).text("A") == "below"
    assert variables(A="").get("A") is None


@pytest.mark.parametrize(("strict", "where"), [(False, "warnings"), (True, "problems")])
def test_an_env_file_that_everybody_can_read_is_found(
    tmp_path: Path, strict: bool, where: str
) -> None:
    report = Report()
    read_environment({}, env_file(tmp_path, "A=1", 0o644), report, strict=strict)
    assert "chmod 0600" in getattr(report, where)[0]


def test_a_broken_env_file_names_its_lines_and_no_values(tmp_path: Path) -> None:
    report = Report()
    text = "canary\nB=can\\ary\nC='canary"
    read_environment({}, env_file(tmp_path, text), report, strict=False)
    assert [line.split(":")[1] for line in report.problems] == ["1", "3"]
    assert report.warnings[0].startswith(f"{tmp_path}/gateway.env:2: B: a backslash")
    assert "canary" not in "".join(report.problems + report.warnings)


def test_a_missing_env_file_is_a_problem(tmp_path: Path) -> None:
    report = Report()
    read_environment({}, tmp_path / "gone.env", report, strict=False)
    assert "file not found" in report.problems[0]


@pytest.mark.parametrize(
    ("environ", "path"),
    [
        ({"HX_STATE_DIR": "/a", "STATE_DIRECTORY": "/b"}, "/a"),
        ({"STATE_DIRECTORY": "/b:/c", "HOME": "/h"}, "/b"),
        ({"XDG_STATE_HOME": "/x", "HOME": "/h"}, "/x/hx-gateway"),
        ({"XDG_STATE_HOME": "relative", "HOME": "/h"}, "/h/.local/state/hx-gateway"),
        ({"HOME": "/h"}, "/h/.local/state/hx-gateway"),
        ({}, "/.local/state/hx-gateway"),
    ],
)
def test_the_state_directory_follows_the_fixed_order(environ: dict[str, str], path: str) -> None:
    assert state_dir(environ) == Path(path)


@pytest.mark.parametrize(
    ("environ", "fds"),
    [
        ({"LISTEN_PID": "7", "LISTEN_FDS": "2"}, [3, 4]),
        ({"LISTEN_PID": "8", "LISTEN_FDS": "2"}, []),
        ({"LISTEN_PID": "7", "LISTEN_FDS": "x"}, []),
        ({"LISTEN_FDS": "1"}, []),
        ({}, []),
    ],
)
def test_passed_sockets_are_only_those_meant_for_this_process(
    environ: dict[str, str], fds: list[int]
) -> None:
    assert list(listen_fds(environ, 7)) == fds


def test_names_of_the_service_manager_are_read_from_what_is_given() -> None:
    assert notify_socket({"NOTIFY_SOCKET": "@x"}) == "@x"
    assert notify_socket({"NOTIFY_SOCKET": ""}) is None
    assert credentials_directory({"CREDENTIALS_DIRECTORY": "/c"}) == Path("/c")
    assert credentials_directory({}) is None


def test_the_process_environment_is_a_copy() -> None:
    copy = process_environment()
    assert copy == dict(os.environ)
    assert copy is not os.environ
