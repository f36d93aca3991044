"""Read YAML into values that know their line.

Bounded: 4 MiB of text, 100,000 values after aliases are expanded, 64 levels.
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import yaml
from yaml import MappingNode, ScalarNode, SequenceNode
from yaml.constructor import ConstructorError, SafeConstructor
from yaml.reader import ReaderError

from hx_gateway.config.report import Place, Report, file_place

Scalar = str | int | float | bool | None
MAX_BYTES = 4 * 1024 * 1024
MAX_VALUES = 100_000
MAX_DEPTH = 64
_PLAIN = {"int", "float", "bool", "null"}
_MERGE = "tag:yaml.org,2002:merge"
# libyaml's parser is some ten times faster; PyYAML without it still works.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Node(msgspec.Struct):
    """A value of a YAML file and where it stands."""

    value: "Scalar | dict[str, Node] | list[Node]"
    place: Place

    def get(self, key: str) -> "Node | None":
        """Get a member; None when absent, null, an empty text, or when this is no mapping.

        An empty text counts as not set, as an empty variable does.
        """
        node = self.value.get(key) if isinstance(self.value, dict) else None
        return None if node is None or node.value is None or node.value == "" else node

    def members(self) -> "Iterator[tuple[str, Node]]":
        """Iterate over a mapping's members; nothing when this is no mapping."""
        return iter(self.value.items()) if isinstance(self.value, dict) else iter(())

    def items(self) -> "list[Node]":
        """Give a list's members; nothing when this is no list."""
        return self.value if isinstance(self.value, list) else []

    def find(self, path: str) -> "Node | None":
        """Walk a dotted path."""
        node: Node | None = self
        for key in path.split("."):
            node = node.get(key) if node is not None else None
        return node

    def plain(self) -> object:
        """Give the value without places, as JSON has it."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


def parse(text: str, path: Path, report: Report) -> Node | None:
    """Read one YAML mapping; None after a problem was reported.

    An empty file is one: it may be half written, and must not replace what a gateway runs with.
    """
    if len(text) > MAX_BYTES:
        report.problem(
            file_place(path), "", f"larger than {MAX_BYTES} bytes; split it by `include`"
        )
        return None
    try:
        root = yaml.compose(text, Loader=_LOADER)
        node = _Builder(path, report).build(root) if root is not None else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = file_place(path, mark.line + 1 if mark else 0)
        report.problem(place, "", f"not valid YAML: {_why(error)}; correct the line or its indent")
        return None
    except ReaderError as error:
        place = file_place(path, text.count("\n", 0, error.position) + 1)
        what = "an unreadable character (a control character, say); remove it"
        report.problem(place, "", f"not valid YAML: {what}")
        return None
    except (yaml.YAMLError, RecursionError):
        report.problem(file_place(path), "", "not valid YAML: too deep nesting")
        return None
    return _mapping(node, path, report)


def _why(error: yaml.MarkedYAMLError) -> str:
    """Say what is wrong, and where the unfinished thing began: that is where to look."""
    if "undefined alias" in str(error.problem):
        return "a value that begins with * must be quoted"  # its text may be a secret
    began = error.context_mark
    context = f" ({error.context} that begins on line {began.line + 1})" if began else ""
    return f"{error.problem}{context}"


def _mapping(node: Node | None, path: Path, report: Report) -> Node | None:
    if node is None or node.value is None:
        advice = "write `model_list:`, or name no file to get the embedded defaults"
        report.problem(file_place(path), "", f"the file is empty; {advice}")
        return None
    if not isinstance(node.value, dict):
        what = "a list" if isinstance(node.value, list) else "a single value"
        text = f"the file holds {what}; it must be a mapping with keys such as `model_list:`"
        report.problem(node.place, "", text)
        return None
    return node


class _Builder:
    """Turns PyYAML's nodes into ours, counting so that aliases cannot explode."""

    def __init__(self, path: Path, report: Report) -> None:
        self._path = path
        self._report = report
        self._left = MAX_VALUES
        self._scalars = SafeConstructor()

    def build(self, node: yaml.Node, depth: int = 0) -> Node:
        """Convert one node; raises MarkedYAMLError when a bound is passed."""
        self._left -= 1
        if self._left < 0 or depth > MAX_DEPTH:
            why = "too many values or levels after expanding aliases"
            raise yaml.MarkedYAMLError(problem=why, problem_mark=node.start_mark)
        place = file_place(self._path, node.start_mark.line + 1)
        if isinstance(node, MappingNode):
            return Node(self._members(node, depth), place)
        if isinstance(node, SequenceNode):
            return Node([self.build(item, depth + 1) for item in node.value], place)
        return Node(self._scalar(node), place)

    def _scalar(self, node: yaml.Node) -> Scalar:
        """Read numbers, booleans and null; whatever else YAML knows (dates) stays text."""
        if node.tag.startswith("!"):
            place = file_place(self._path, node.start_mark.line + 1)
            self._report.problem(place, "", "a value that begins with ! must be quoted")
        if node.tag.rpartition(":")[2] not in _PLAIN:
            return str(node.value)
        try:
            value: Scalar = self._scalars.construct_object(node)
        except (ValueError, ConstructorError):
            return str(node.value)
        return value

    def _members(self, node: MappingNode, depth: int) -> dict[str, Node]:
        own: dict[str, Node] = {}
        merged: dict[str, Node] = {}
        for key, value in node.value:
            if key.tag == _MERGE:
                self._merge(merged, self.build(value, depth + 1))
            elif not isinstance(key, ScalarNode):
                raise yaml.MarkedYAMLError(
                    problem="a key must be text", problem_mark=key.start_mark
                )
            else:
                self._add(own, key, self.build(value, depth + 1))
        return merged | own

    def _add(self, members: dict[str, Node], key: ScalarNode, value: Node) -> None:
        if key.value in members:
            first = members[key.value].place.line
            text = f"the key stands twice: this one holds, the one near line {first} has no effect"
            self._report.no_effect(file_place(self._path, key.start_mark.line + 1), key.value, text)
        members[key.value] = value

    @staticmethod
    def _merge(members: dict[str, Node], value: Node) -> None:
        for source in value.items() or [value]:
            for key, member in source.members():
                members.setdefault(key, member)
