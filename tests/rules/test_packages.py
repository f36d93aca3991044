"""What is installed with the program, and what is inside its wheel: no more than was agreed."""

import os
import re
import shutil
import subprocess
import tomllib
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from tests.support.tree import ROOT, find_uv, tracked

BUILT_FROM = ("pyproject.toml", "README.md", "LICENSE")
MAX_PACKAGES = 25  # in the base install, transitive ones included


def base_packages(lock: dict[str, Any]) -> set[str]:
    """Every package that a base install brings, from the lock file, without ourselves."""
    packages = {package["name"]: package for package in lock["package"]}
    todo, seen = ["hx-gateway"], set()
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo += [wanted["name"] for wanted in packages[name].get("dependencies", ())]
    return seen - {"hx-gateway"}


def test_the_base_install_stays_small() -> None:
    lock = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
    assert 0 < len(base_packages(lock)) <= MAX_PACKAGES


def test_transitive_packages_are_counted() -> None:
    lock = {
        "package": [
            {"name": "hx-gateway", "dependencies": [{"name": "a"}]},
            {"name": "a", "dependencies": [{"name": "b"}]},
            {"name": "b"},
            {"name": "unrelated"},
        ]
    }
    assert base_packages(lock) == {"a", "b"}


def test_every_locked_file_has_a_hash() -> None:
    lock = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
    files = [
        file
        for package in lock["package"]
        for file in [*package.get("wheels", ()), *filter(None, [package.get("sdist")])]
    ]
    assert files
    assert [file["url"] for file in files if "hash" not in file] == []


def build(tree: Path, out: Path) -> Path:
    """Build the wheel of a source tree."""
    command = [find_uv(), "build", "--wheel", "--quiet", "--out-dir", str(out), str(tree)]
    subprocess.run(command, check=True)
    (made,) = out.glob("*.whl")
    return made


def checked_out_elsewhere(folder: Path, settings: str = "") -> Path:
    """Copy what is built, as a checkout on another machine: of another day, for another group."""
    for path in [*tracked("src"), *(ROOT / name for name in BUILT_FROM)]:
        copy = folder / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
        copy.chmod(0o664)
        os.utime(copy, (10**9, 10**9))
    with (folder / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write(settings)
    return folder


@pytest.fixture(scope="module")
def wheel_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, tmp_path_factory.mktemp("wheel"))


def test_the_wheel_holds_what_git_holds_and_nothing_else(wheel_file: Path) -> None:
    with zipfile.ZipFile(wheel_file) as wheel:
        inside = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert inside == {path.relative_to(ROOT / "src").as_posix() for path in tracked("src")}
    assert run_unasked(inside) == []


def run_unasked(names: Iterable[str]) -> list[str]:
    """Files that run at every start of every Python of the environment (LiteLLM 1.82.8 had one)."""
    return sorted(name for name in names if re.search(r"\.pth$|(site|user)customize", name))


def test_a_file_that_runs_unasked_would_be_seen() -> None:
    intruders = ["litellm_init.pth", "sitecustomize.py", "a/usercustomize.py"]
    assert run_unasked([*intruders, "hx_gateway/core/path.py"]) == sorted(intruders)


def test_a_build_elsewhere_gives_the_same_bytes(tmp_path: Path, wheel_file: Path) -> None:
    tree = checked_out_elsewhere(tmp_path / "tree")
    assert build(tree, tmp_path / "out").read_bytes() == wheel_file.read_bytes()


def test_a_build_that_keeps_times_would_be_seen(tmp_path: Path, wheel_file: Path) -> None:
    tree = checked_out_elsewhere(tmp_path / "tree", "\n[tool.hatch.build]\nreproducible = false\n")
    assert build(tree, tmp_path / "out").read_bytes() != wheel_file.read_bytes()
