"""Read the members of a YAML mapping as the types that are wanted, reporting what is wrong."""

from collections.abc import Callable
from typing import TypeVar

from hx_gateway.config.document import Node
from hx_gateway.config.report import Report
from hx_gateway.config.scalar import (
    read_bool,
    read_float,
    read_int,
    read_on_disconnect,
    read_patterns,
    read_text,
    read_texts,
    read_usd,
)
from hx_gateway.core.route import OnDisconnect
from hx_gateway.core.secret import Secret

T = TypeVar("T")


class FieldReader:
    """Reads one mapping; `path` is how messages name it."""

    def __init__(self, node: Node, path: str, report: Report) -> None:
        """Read from `node`; wrong values are problems and read as absent."""
        self.node = node
        self.path = path
        self._report = report

    def text(self, name: str) -> str | None:
        """Get a text."""
        return self._get(name, read_text)

    def secret(self, name: str) -> Secret | None:
        """Get a secret text."""
        text = self._get(name, read_text)
        return Secret(text) if text is not None else None

    def texts(self, name: str) -> tuple[str, ...]:
        """Get a list of texts; empty when absent."""
        return self._get(name, read_texts) or ()

    def flag(self, name: str) -> bool:
        """Get a boolean; False when absent."""
        return bool(self._get(name, read_bool))

    def switch(self, name: str) -> bool | None:
        """Get a boolean; None when absent."""
        return self._get(name, read_bool)

    def mild_switch(self, name: str, advice: str) -> bool | None:
        """Get a boolean; what is none has no effect, and is no problem."""
        node = self.node.get(name)
        try:
            return None if node is None else read_bool(node.plain())
        except ValueError as error:
            place, path = (node or self.node).place, f"{self.path}.{name}"
            self._report.no_effect(place, path, f"{error}; {advice}")
            return None

    def patterns(self, name: str) -> tuple[str, ...]:
        """Get a list of regular expressions, as they are written."""
        return self._get(name, read_patterns) or ()

    def whole(self, name: str, *, low: int = 0) -> int | None:
        """Get a whole number of at least `low`."""
        return self._bounded(name, self._get(name, read_int), low)

    def number(self, name: str, *, low: float = 0.0) -> float | None:
        """Get a number of at least `low`."""
        return self._bounded(name, self._get(name, read_float), low)

    def usd(self, name: str) -> int | None:
        """Get an amount of money in nano-dollars."""
        return self._get(name, read_usd)

    def on_disconnect(self, name: str) -> OnDisconnect | None:
        """Get what becomes of an answer whose client leaves."""
        return self._get(name, read_on_disconnect)

    def problem(self, name: str, text: str) -> None:
        """Report a problem with one member."""
        node = self.node.get(name) or self.node
        self._report.problem(node.place, f"{self.path}.{name}", text)

    def _bounded(self, name: str, value: T | None, low: float) -> T | None:
        if isinstance(value, int | float) and value < low:
            self.problem(name, f"must be at least {low:g}")
            return None
        return value

    def _get(self, name: str, read: Callable[[object], T]) -> T | None:
        node = self.node.get(name)
        if node is None:
            return None
        try:
            return read(node.plain())
        except ValueError as error:
            self.problem(name, f"{error}; correct or remove it")
            return None
