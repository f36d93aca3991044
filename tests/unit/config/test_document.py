from pathlib import Path

import pytest
from tests.support.configs import node

from hx_gateway.config.document import parse
from hx_gateway.config.report import Report

FILE = Path("config.yaml")


def test_values_know_their_line() -> None:
    root = node("a: 1\nb:\n  c:\n    - x\n    - y: 2\n")
    found = root.find("b.c")
    assert found is not None
    assert [item.place.line for item in found.items()] == [4, 5]
    assert str(found.items()[0].place) == "config.yaml:4"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("1.5", 1.5),
        ("true", True),
        ("null", None),
        ("2024-01-01", "2024-01-01"),
        ("'1'", "1"),
        ("1e-7", "1e-7"),
        ("!!binary abc", "abc"),
        ("!!int x", "x"),
        ("0o17", "0o17"),
    ],
)
def test_scalars_are_plain_values(text: str, value: object) -> None:
    assert node(f"a: {text}").plain() == {"a": value}


def test_anchors_and_merge_keys_are_understood() -> None:
    root = node("base: &b {x: 1, y: 2}\na:\n  <<: *b\n  y: 3\nc: {<<: [*b, {x: 9, z: 4}]}")
    assert root.plain() == {
        "base": {"x": 1, "y": 2},
        "a": {"x": 1, "y": 3},
        "c": {"x": 1, "y": 2, "z": 4},
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("- a\n- b\n", "config.yaml:1: the file holds a list"),
        ("just text", "config.yaml:1: the file holds a single value"),
        ("a: 1\nb: [1,\nc: 2\n", "that begins on line 2"),
        ("a: 1\n\tb: 2\n", "config.yaml:2: not valid YAML"),
        ("a: 1\n---\nb: 2\n", "not valid YAML"),
        ("a: *canary", "config.yaml:1: not valid YAML: a value that begins with * must be quoted"),
        ("a: \x01", "not valid YAML"),
        ("? [a, b]\n: 1\n", "a key must be text"),
        ("a: &a [*a]", "not valid YAML"),
        ("a: " + "[" * 80 + "]" * 80, "too many values or levels"),
        ("x: " + "a" * (4 * 1024 * 1024), "larger than"),
    ],
)
def test_what_cannot_be_read_is_a_problem_with_its_line(text: str, says: str) -> None:
    report = Report()
    assert parse(text, FILE, report) is None
    assert says in report.problems[0]
    assert "canary" not in report.problems[0]


def test_a_password_that_yaml_takes_for_a_tag_is_a_problem() -> None:
    """`password: !word` used to lose its value: YAML reads `!word` as a tag of nothing."""
    report = Report()
    parse("a: 1\npassword: !canary\n", FILE, report)
    assert report.problems == ["config.yaml:2: a value that begins with ! must be quoted"]


def test_aliases_cannot_explode() -> None:
    bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 9)
    )
    report = Report()
    assert parse(bomb, FILE, report) is None
    assert "too many values" in report.problems[0]


def test_of_a_key_that_stands_twice_the_last_one_holds_and_the_first_is_named() -> None:
    """Symptom: a file that LiteLLM reads, with two `success_callback`, refused the start."""
    report = Report()
    root = parse("a: 1\nb: 2\na: 3\n", FILE, report)
    assert root is not None
    assert root.plain() == {"a": 3, "b": 2}
    assert report.problems == []
    assert report.unread == [
        "config.yaml:3: a: the key stands twice: this one holds, the one near line 1 has no effect"
    ]


def test_an_unreadable_character_is_named_with_its_line() -> None:
    report = Report()
    assert parse("a: 1\n# é\nb: \x07\n", FILE, report) is None
    assert "config.yaml:3: not valid YAML: an unreadable character" in report.problems[0]


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "null"])
def test_an_empty_file_is_a_problem(text: str) -> None:
    """Symptom: a file caught half written turned a running gateway into one with the defaults."""
    report = Report()
    assert parse(text, FILE, report) is None
    assert "the file is empty" in report.problems[0]


def test_an_empty_mapping_is_meant_so() -> None:
    assert node("{}").plain() == {}


def test_null_and_empty_members_read_as_absent() -> None:
    root = node("a:\nb: {c: 1}\ne: ''")
    assert root.get("a") is None
    assert root.get("e") is None, "as an empty variable"
    assert root.find("a.b") is None
    assert root.find("b.c.d") is None
