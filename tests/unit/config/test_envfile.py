import pytest

from hx_gateway.config.envfile import parse_env_file

# What systemd makes of each text: the rules of parse_env_file_internal in src/basic/env-file.c.
VALUES = [
    ("A=p!w", "p!w"),
    ("A=$HOME ${X} %h `id` & | > <", "$HOME ${X} %h `id` & | > <"),
    ("A=a#b ;c", "a#b ;c"),
    ("A= padded value \t", "padded value"),
    ("A=", ""),
    ("A", None),
    ("A=x=y", "x=y"),
    ("  A = x", "x"),
    ("A=it's", "it's"),
    ('A=a"b"c', 'a"b"c'),
    ("A='single $x \\n \" # '", 'single $x \\n " # '),
    ("A='two' 'parts'", "twoparts"),
    ("A='quoted'bare", "quotedbare"),
    ("A='line one\nline two'", "line one\nline two"),
    ('A="double $x ! # \' "', "double $x ! # ' "),
    ('A="\\" \\\\ \\$ \\`"', '" \\ $ `'),
    ('A="kept \\n \\! \\x"', "kept \\n \\! \\x"),
    ('A="joined \\\nline"', "joined line"),
    ("A=back\\slash", "backslash"),
    ("A=space\\ ", "space "),
    ("A=long \\\n  line", "long   line"),
    ("A=crlf\r\nB=2", "crlf"),
    ("A=first\nA=second", "second"),
    ("# A=comment\n; A=comment", None),
    ("#comment \\\nA=1", "1"),
    ("A=no newline at the end", "no newline at the end"),
    ("A=ü€", "ü€"),
    ("A=postgresql://u:p!$#%&'\":x@h/db", "postgresql://u:p!$#%&'\":x@h/db"),
]


@pytest.mark.parametrize(("text", "value"), VALUES)
def test_a_value_means_what_systemd_makes_of_it(text: str, value: str | None) -> None:
    entry = parse_env_file(text).get("A")
    assert (entry.value if entry else None) == value


@pytest.mark.parametrize("password", ["a b", "!$#%&", "it's", 'say "x"', "a\\b", "tail\\", "c:d"])
def test_every_password_has_a_literal_spelling(password: str) -> None:
    quoted = (
        f"'{password}'"
        if "'" not in password
        else '"' + password.replace("\\", "\\\\").replace('"', '\\"') + '"'
    )
    assert parse_env_file(f"PASSWORD={quoted}\nNEXT=1")["PASSWORD"].value == password


@pytest.mark.parametrize(
    ("text", "lost"),
    [("A=a\\b", True), ("A='a\\b'", False), ('A="a\\b"', False), ("A=a \\\nb", False)],
)
def test_only_a_dropped_backslash_is_noted(text: str, lost: bool) -> None:
    assert parse_env_file(text)["A"].lost_backslash is lost


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("A=1\nnonsense\nB=2", (2,)),
        ("export A=1", (1,)),
        ("1A=x", (1,)),
        ("A-B=x", (1,)),
        ("\n\nlast", (3,)),
        ("A=1", ()),
    ],
)
def test_lines_that_are_no_assignment_are_named(text: str, lines: tuple[int, ...]) -> None:
    assert parse_env_file(text).bad_lines == lines


@pytest.mark.parametrize(
    ("text", "line"), [("A=1\nB='open\nC=3", 2), ('A="open', 1), ("A='closed'", None)]
)
def test_an_unclosed_quote_is_named(text: str, line: int | None) -> None:
    assert parse_env_file(text).unclosed == line


def test_an_entry_knows_the_line_on_which_it_begins() -> None:
    parsed = parse_env_file("# top\n\nA='two\nlines'\nB=\\\n1\nC=2\n")
    assert {name: entry.line for name, entry in parsed.items()} == {"A": 3, "B": 5, "C": 7}
