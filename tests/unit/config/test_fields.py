from tests.support.configs import node

from hx_gateway.config.fields import FieldReader
from hx_gateway.config.report import Report
from hx_gateway.core.secret import Secret


def reader(text: str) -> tuple[FieldReader, Report]:
    report = Report()
    return FieldReader(node(text), "here", report), report


def test_members_are_read_as_their_types() -> None:
    fields, report = reader("{t: x, s: k, l: [a, b], f: true, w: 5, n: 1.5, d: 30s}")
    assert (fields.text("t"), fields.secret("s"), fields.texts("l")) == (
        "x",
        Secret("k"),
        ("a", "b"),
    )
    assert (fields.flag("f"), fields.whole("w"), fields.number("n"), fields.number("d")) == (
        True,
        5,
        1.5,
        30.0,
    )
    assert report.problems == []


def test_absent_members_read_as_nothing() -> None:
    fields, report = reader("{x: null}")
    assert (fields.text("x"), fields.secret("x"), fields.texts("x"), fields.flag("x")) == (
        None,
        None,
        (),
        False,
    )
    assert (fields.whole("x"), fields.number("x")) == (None, None)
    assert report.problems == []


def test_wrong_members_are_problems_with_place_and_path() -> None:
    fields, report = reader("t: {}\nw: -1\nn: soon\nf: 2\nlow: 0\n")
    assert fields.text("t") is None
    assert fields.whole("w") is None
    assert fields.number("n") is None
    assert fields.flag("f") is False
    assert fields.whole("low", low=1) is None
    assert [line.split(": ")[:2] for line in report.problems] == [
        [f"config.yaml:{line}", f"here.{name}"]
        for line, name in enumerate(["t", "w", "n", "f", "low"], 1)
    ]
