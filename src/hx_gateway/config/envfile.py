r"""Read an env file exactly as systemd reads an `EnvironmentFile=`.

The rules are those of systemd.exec(5) and of `parse_env_file_internal` in systemd's
`src/basic/env-file.c`:

- A line that starts with `#` or `;` is a comment; a line without `=` is ignored.
- Nothing is expanded: `$`, `!`, `%`, `&` and a `#` inside a value are ordinary characters.
- White space around the name and around an unquoted value is dropped, inside it is kept.
- A quote counts only at the start of a value (or right after a closing quote): `p"w` keeps it.
- Unquoted: a backslash is removed and the next character kept; before a line end both go (the
  value continues).
- In single quotes everything is literal, also line ends and backslashes.
- In double quotes a backslash escapes only `"`, `\`, a backtick and `$`, joins lines, and is itself
  kept before any other character.
- A later line overrides an earlier one of the same name.

One file must mean the same to systemd and to us, so there is no friendlier dialect; but a
backslash that disappears is warned of.
"""

import re
from collections.abc import Callable, Mapping

import msgspec

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_NEWLINE = "\n\r"
_WHITESPACE = " \t\n\r"
_ESCAPABLE = '"\\`$'


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One assignment. `lost_backslash`: systemd's rules removed a backslash from its value."""

    name: str
    value: str
    line: int
    lost_backslash: bool = False


class EnvFile(dict[str, Entry]):
    """The assignments of a file by name, and what in it is none.

    `bad_lines` are ignored by systemd. `unclosed` is the line of a value whose quote never ends,
    so that it swallows what follows.
    """

    def __init__(
        self, entries: Mapping[str, Entry], bad_lines: tuple[int, ...], unclosed: int | None
    ) -> None:
        """Wrap what was read."""
        super().__init__(entries)
        self.bad_lines = bad_lines
        self.unclosed = unclosed


def parse_env_file(text: str) -> EnvFile:
    """Read the text of an env file."""
    reader = _Reader()
    for char in text:
        reader.state(char)
    reader.finish()
    return EnvFile(reader.entries, tuple(reader.bad_lines), reader.unclosed)


class _Reader:
    """systemd's state machine: `state` is the method that takes the next character."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.bad_lines: list[int] = []
        self.unclosed: int | None = None
        self.state: Callable[[str], None] = self._before_name
        self._line = 1
        self._start = 1
        self._name = ""
        self._value = ""
        self._kept = 0  # how much of the value survives when trailing white space is cut
        self._lost = False

    def finish(self) -> None:
        """Take the end of the file as the end of its last line."""
        if self.state in (self._single, self._double, self._double_escape):
            self.unclosed = self._start
        if self.state not in (self._before_name, self._comment, self._in_name):
            self._push()
        elif self.state == self._in_name:
            self.bad_lines.append(self._start)

    def _count(self, char: str) -> None:
        if char == "\n":
            self._line += 1

    def _add(self, text: str) -> None:
        self._value += text
        self._kept = len(self._value)

    def _push(self) -> None:
        name = self._name.rstrip(_WHITESPACE)
        if _NAME.match(name):
            self.entries[name] = Entry(
                name=name,
                value=self._value[: self._kept],
                line=self._start,
                lost_backslash=self._lost,
            )
        else:
            self.bad_lines.append(self._start)
        self._restart()

    def _restart(self) -> None:
        self._name, self._value, self._kept, self._lost = "", "", 0, False
        self.state = self._before_name

    def _before_name(self, char: str) -> None:
        self._count(char)
        if char in "#;":
            self.state = self._comment
        elif char not in _WHITESPACE:
            self._name, self._start = char, self._line
            self.state = self._in_name

    def _comment(self, char: str) -> None:
        self._count(char)
        if char in _NEWLINE:
            self.state = self._before_name

    def _in_name(self, char: str) -> None:
        self._count(char)
        if char in _NEWLINE:
            self.bad_lines.append(self._start)
            self._restart()
        elif char == "=":
            self.state = self._before_value
        else:
            self._name += char

    def _before_value(self, char: str) -> None:
        self._count(char)
        if char in _NEWLINE:
            self._push()
        elif char == "'":
            self.state = self._single
        elif char == '"':
            self.state = self._double
        elif char == "\\":
            self.state = self._escape
        elif char not in _WHITESPACE:
            self._add(char)
            self.state = self._unquoted

    def _unquoted(self, char: str) -> None:
        self._count(char)
        if char in _NEWLINE:
            self._push()
        elif char == "\\":
            self._kept = len(self._value)
            self.state = self._escape
        elif char in _WHITESPACE:
            self._value += char
        else:
            self._add(char)

    def _escape(self, char: str) -> None:
        self._count(char)
        self.state = self._unquoted
        if char not in _NEWLINE:
            self._lost = True
            self._add(char)

    def _single(self, char: str) -> None:
        self._count(char)
        if char == "'":
            self.state = self._before_value
        else:
            self._add(char)

    def _double(self, char: str) -> None:
        self._count(char)
        if char == '"':
            self.state = self._before_value
        elif char == "\\":
            self.state = self._double_escape
        else:
            self._add(char)

    def _double_escape(self, char: str) -> None:
        self._count(char)
        self.state = self._double
        if char in _ESCAPABLE:
            self._add(char)
        elif char != "\n":
            self._add("\\" + char)
