import pytest
from tests.support.configs import node, variables

from hx_gateway.config.placeholder import resolve
from hx_gateway.config.report import Report

CANARY = "${NOT} $A %B% <C>"  # what comes out of the environment is never looked at again


def resolved(text: str) -> tuple[object, list[str]]:
    report = Report()
    root = resolve(node(text), variables(SET=CANARY, EMPTY=""), report)
    return root.plain(), report.problems


def test_a_set_variable_is_put_in_wherever_a_value_stands() -> None:
    plain, problems = resolved("a: os.environ/SET\nb: [os.environ/SET, {c: os.environ/SET}]")
    assert plain == {"a": CANARY, "b": [CANARY, {"c": CANARY}]}
    assert problems == []


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("os.environ/UNSET", "UNSET"),
        ("os.environ/EMPTY", "EMPTY"),
        ("Bearer os.environ/SET", "SET"),
        ("${SET}", "SET"),
        ("${SET:-default}", "SET"),
        ("${SET:?must be set}", "SET"),
        ("${{ secrets.KEY }}", "secrets.KEY"),
        ("http://${HOST}:4000", "HOST"),
        ("$SET", "SET"),
        ("%SET%", "SET"),
        ("{{ KEY }}", "KEY"),
        ("<YOUR API KEY>", "YOUR API KEY"),
        ("env.SET", "SET"),
        ("env:SET", "SET"),
        ("env/SET", "SET"),
    ],
)
def test_a_placeholder_that_stays_is_refused_with_file_line_and_variable(
    value: str, name: str
) -> None:
    _, problems = resolved(f"a: 1\nb:\n  - x: {value!r}\n")
    assert len(problems) == 1
    assert problems[0].startswith("config.yaml:3: b[0].x: ")
    assert name in problems[0]


@pytest.mark.parametrize(
    "value",
    [
        "pa$$word",
        "$ecret",
        "a$HOME/b",
        "100%",
        "50% of 60%",
        "$",
        "$5",
        "a{b}c",
        "<b>",
        "env",
        "p${",
        "$(id)",
        "os.environ",
    ],
)
def test_ordinary_text_is_no_placeholder(value: str) -> None:
    plain, problems = resolved(f"a: {value!r}")
    assert plain == {"a": value}
    assert problems == []


def test_a_doubled_dollar_writes_braces_literally() -> None:
    assert resolved("a: 'x $${NAME} $$y'") == ({"a": "x ${NAME} $$y"}, [])


def test_all_placeholders_are_reported_at_once() -> None:
    assert len(resolved("a: ${X}\nb: os.environ/Y\nc: 5\nd: [$Z]")[1]) == 3


def test_what_has_no_effect_needs_no_variable() -> None:
    """Symptom: an unset variable of a guardrail, which is not supported, refused the start."""
    text = "guardrails: [{a: os.environ/UNSET}]\nb: [{c: {d: '${X}', e: os.environ/UNSET}}]"
    report = Report()
    root = resolve(node(text), variables(), report, {"guardrails", "b[].c.d"})
    assert [line.split(": ", 2)[1] for line in report.problems] == ["b[0].c.e"]
    assert root.plain() == {
        "guardrails": [{"a": "os.environ/UNSET"}],
        "b": [{"c": {"d": "${X}", "e": None}}],
    }
