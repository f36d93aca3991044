"""What is wrong with a configuration: every finding is kept, so that all come out at once."""

from pathlib import Path

import msgspec


class Place(msgspec.Struct, frozen=True):
    """Where something stands: a file and a line, or a name such as `environment PORT`."""

    name: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.name}:{self.line}" if self.line else self.name


class Report:
    """The findings of one load.

    `problems` stop the start. `unread` are keys that have no effect: warnings, problems under
    strict. `warnings` never stop anything. No text holds a secret value.
    """

    def __init__(self) -> None:
        """Start with nothing found."""
        self.problems: list[str] = []
        self.unread: list[str] = []
        self.warnings: list[str] = []

    def problem(self, place: Place, path: str, text: str) -> None:
        """Note what stops the start."""
        self._add(self.problems, place, path, text)

    def no_effect(self, place: Place, path: str, text: str) -> None:
        """Note a key that nobody reads."""
        self._add(self.unread, place, path, text)

    def warning(self, place: Place, path: str, text: str) -> None:
        """Note what works but should be looked at."""
        self._add(self.warnings, place, path, text)

    @staticmethod
    def _add(findings: list[str], place: Place, path: str, text: str) -> None:
        said = not path or str(place).endswith(f" {path}")  # `environment PORT` says it already
        line = f"{place}: {text}" if said else f"{place}: {path}: {text}"
        if line not in findings:
            findings.append(line)


def file_place(path: Path, line: int = 0) -> Place:
    """Give the place in a file."""
    return Place(str(path), line)
