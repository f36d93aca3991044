from pathlib import Path

from hx_gateway.config.report import Place, Report, file_place


def test_a_finding_names_file_line_and_path() -> None:
    report = Report()
    report.problem(file_place(Path("a.yaml"), 3), "hx.server", "is wrong; correct it")
    report.warning(Place("environment PORT"), "", "is odd")
    report.warning(Place("environment PORT"), "PORT", "is odd too")
    report.no_effect(file_place(Path("a.yaml")), "x", "unknown")
    assert report.problems == ["a.yaml:3: hx.server: is wrong; correct it"]
    assert report.warnings == ["environment PORT: is odd", "environment PORT: is odd too"]
    assert report.unread == ["a.yaml: x: unknown"]


def test_the_same_finding_is_kept_once() -> None:
    report = Report()
    for _ in range(2):
        report.problem(Place("a", 1), "p", "t")
    assert len(report.problems) == 1
