"""Resolve `os.environ/NAME` in a configuration, and refuse every placeholder that stays.

The rule, precisely. In a YAML string,

- `os.environ/NAME` as the whole value is replaced by that variable; not set is a problem;
- `os.environ/` anywhere else in a value is a problem: only a whole value is replaced;
- `${NAME}` with anything after the name (`:-x`, `:?m` ...) is a problem wherever it stands, unless
  a second `$` precedes it: `$${NAME}` is the text `${NAME}`;
- `$NAME` and `%NAME%` (capitals, digits and underscores), `{{ ... }}`, `<NAME>`, `env.NAME`,
  `env:NAME` and `env/NAME` are problems when they are the whole value.

Keys without an effect are left as they are: their variables need not be set.

So `pa$$word`, `$ecret`, `a$HOME/b` and `100%` are ordinary text. Values that come out of the
environment or an env file are never looked at: they are literal.
"""

import re
from collections.abc import Container

from hx_gateway.config.document import Node
from hx_gateway.config.environment import Environment
from hx_gateway.config.report import Report

PREFIX = "os.environ/"
_SHELL = re.compile(r"(?<!\$)\$\{\{?\s*([A-Za-z_][A-Za-z0-9_.]*)[^}]*\}")
_INDEX = re.compile(r"\[\d+\]")
_ESCAPED = re.compile(r"\$(\$\{[A-Za-z_][A-Za-z0-9_]*[^}]*\})")
_WHOLE = re.compile(
    r"""\$(?P<dollar>[A-Z_][A-Z0-9_]*)
      | %(?P<percent>[A-Z_][A-Z0-9_]*)%
      | \{\{\s*(?P<braces>[^{}]*?)\s*\}\}
      | <(?P<angle>[A-Z][A-Z0-9_ -]*)>
      | env[.:/](?P<env>[A-Z_][A-Z0-9_]*)""",
    re.VERBOSE,
)


def resolve(
    root: Node, environment: Environment, report: Report, unread: Container[str] = ()
) -> Node:
    """Give the same tree with every placeholder replaced, or a problem for each that cannot be.

    What stands at a path of `unread` (`[]` is any place in a list) has no effect, so it stays.
    """
    return _Resolver(environment, report, unread).resolve(root, "")


class _Resolver:
    def __init__(self, environment: Environment, report: Report, unread: Container[str]) -> None:
        self._environment = environment
        self._report = report
        self._unread = unread

    def resolve(self, node: Node, path: str) -> Node:
        value = node.value
        if isinstance(value, str):
            return Node(self._text(node, value, path), node.place)
        if isinstance(value, dict):
            members = {
                key: self._member(child, f"{path}.{key}" if path else key)
                for key, child in value.items()
            }
            return Node(members, node.place)
        if isinstance(value, list):
            items = [self.resolve(child, f"{path}[{i}]") for i, child in enumerate(value)]
            return Node(items, node.place)
        return node

    def _member(self, node: Node, path: str) -> Node:
        is_unread = path in self._unread or _INDEX.sub("[]", path) in self._unread
        return node if is_unread else self.resolve(node, path)

    def _text(self, node: Node, text: str, path: str) -> str | None:
        if text.startswith(PREFIX):
            name = text.removeprefix(PREFIX).strip()
            found = self._environment.text(name)
            if found is None:
                what = f"the variable {name} is not set; set it, or write the value here"
                self._report.problem(node.place, path, what)
            return found
        leftover = _leftover(text)
        if leftover is not None:
            what = f"the placeholder for {leftover} stays as it is; write {PREFIX}{leftover} alone"
            self._report.problem(node.place, path, what)
        return _ESCAPED.sub(r"\1", text)


def _leftover(text: str) -> str | None:
    """Find the name in a placeholder that nobody would resolve."""
    _, mark, rest = text.partition(PREFIX)
    if mark:
        return re.split(r"[^A-Za-z0-9_]", rest, maxsplit=1)[0]
    if found := _SHELL.search(text):
        return found[1]
    whole = _WHOLE.fullmatch(text.strip())
    return next(filter(None, whole.groups()), "NAME") if whole else None
