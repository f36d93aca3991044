from pathlib import Path

import pytest

from hx_gateway.config.include import Files, read_config
from hx_gateway.config.report import Place, Report


def read(folder: Path, **files: str) -> tuple[object, Report, Files]:
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    report, seen = Report(), Files()
    root = read_config(folder / "main.yaml", Place("--config"), report, seen)
    return (root.plain() if root else None), report, seen


def test_included_lists_are_appended_and_the_rest_overwritten(tmp_path: Path) -> None:
    plain, report, files = read(
        tmp_path,
        main="include: [sub/more.yaml]\nmodel_list: [1]\nx: {a: 1}\ny: 1\n",
        sub__more="include: [last.yaml]\nmodel_list: [2]\nx: {b: 2}\n",
        sub__last="model_list: [3]\nz: 3\n",
    )
    assert plain == {"model_list": [1, 2, 3], "x": {"b": 2}, "y": 1, "z": 3}
    assert report.problems == []
    assert [path.name for path in files] == ["main.yaml", "more.yaml", "last.yaml"]


@pytest.mark.parametrize(
    ("main", "says"),
    [
        ("include: [main.yaml]", "includes itself"),
        ("include: [other.yaml]", "includes itself"),
        ("include: nothing.yaml", "must be a list of file names"),
        ("include: [{a: 1}]", "must be a list of file names"),
        ("\ninclude:\n- gone.yaml", "main.yaml:3: file not found"),
    ],
)
def test_an_include_that_cannot_be_followed_is_a_problem(
    tmp_path: Path, main: str, says: str
) -> None:
    _, report, _ = read(tmp_path, main=main, other="include: [main.yaml]")
    assert says in report.problems[0]


def test_an_empty_include_is_no_problem(tmp_path: Path) -> None:
    plain, report, _ = read(tmp_path, main="include:\na: 1")
    assert (plain, report.problems) == ({"a": 1}, [])
