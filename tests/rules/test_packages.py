"""What is installed with the program, and what is inside its wheel: no more than was agreed."""

import subprocess
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from tests.support.tree import ROOT, tracked

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


@pytest.mark.slow
def test_the_wheel_holds_what_git_holds_and_nothing_else(tmp_path: Path) -> None:
    build = ["uv", "build", "--wheel", "--quiet", "--out-dir", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    ours = {path.relative_to(ROOT / "src").as_posix() for path in tracked("src")}
    assert inside == ours
    # A .pth file runs at every start of every Python in the environment (LiteLLM 1.82.8).
    assert not [name for name in inside if name.endswith(".pth") or "sitecustomize" in name]


@pytest.mark.slow
def test_two_builds_are_the_same_bytes(tmp_path: Path) -> None:
    wheels = []
    for folder in ("one", "two"):
        out = tmp_path / folder
        build = ["uv", "build", "--wheel", "--quiet", "--out-dir", str(out), str(ROOT)]
        subprocess.run(build, check=True)
        wheels.append(next(out.glob("*.whl")).read_bytes())
    assert wheels[0] == wheels[1]
