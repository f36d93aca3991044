"""The tree holds nobody's addresses, machines or secrets."""

import re
from pathlib import Path

import pytest
from tests.support.tree import named, tracked

PATTERNS = {
    "a private address": r"\b(10(\.\d{1,3}){3}|192\.168(\.\d{1,3}){2}|172\.(1[6-9]|2\d|3[01])(\.\d{1,3}){2})\b",
    "a path of one machine": r"/(home|Users|work)/[a-z]\w+",
    "a private key": r"-----BEGIN (RSA |EC |OPENSSH )?PRIVATE KEY-----\n[A-Za-z0-9+/=]{40}",
    "a vendor's credential": r"\b(sk-(proj|ant)-[A-Za-z0-9_-]{30,}|AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36})\b",
}

# File -> why it must hold such a thing. May only shrink.
ALLOWED: dict[str, str] = {
    "tests/rules/test_privacy.py": "shows the rule what it must see",
    "tests/unit/cli/test_systemd.py": "a program in somebody's home is refused",
    "tests/unit/store/test_postgres_errors.py": "an address must not get out",
}
NOT_TEXT = {".png", ".ico", ".gz", ".http", ".lock"}


def findings(text: str) -> list[str]:
    """What a text holds that it must not."""
    return [what for what, pattern in PATTERNS.items() if re.search(pattern, text)]


def texts() -> list[Path]:
    """The files of the tree that are read by people."""
    return [path for path in tracked() if path.suffix not in NOT_TEXT]


def test_the_tree_is_free_of_private_things() -> None:
    found = {
        named(path): what
        for path in texts()
        if (what := findings(path.read_text(encoding="utf-8", errors="replace")))
    }
    assert {name: what for name, what in found.items() if name not in ALLOWED} == {}


@pytest.mark.parametrize(
    "text",
    [
        "host: 10.1.2.3",
        "http://172.16.0.7:11434",
        "at /home/alice/gateway",
        "key = AKIAABCDEFGHIJKLMNOP",
    ],
)
def test_the_rule_sees_private_things(text: str) -> None:
    assert len(findings(text)) == 1


@pytest.mark.parametrize("text", ["127.0.0.1", "version 10.1.2", "sk-1234", "192.0.2.1"])
def test_the_rule_leaves_examples_alone(text: str) -> None:
    assert findings(text) == []
