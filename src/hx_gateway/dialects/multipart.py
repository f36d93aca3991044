"""Forms with files (`multipart/form-data`, RFC 7578), read strictly while they arrive. Pure.

Two readers that see different parts in the same bytes are a way around every check on `model`. So
what is unusual is refused, and what goes on is written anew with a boundary nobody could foresee.
"""

import re
from collections.abc import Callable

import msgspec

from hx_gateway.core.errors import InvalidRequest

MAX_PARTS = 32
MAX_HEAD = 8 * 1024
MAX_BOUNDARY = 70  # RFC 2046 section 5.1.1

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_QUOTED = rb'"(?:[^"\\\x00-\x1f\x7f]|\\[^\x00-\x1f\x7f])*"'
_PARAM = re.compile(
    rb"[ \t]*;[ \t]*(" + _TOKEN + rb")=(" + _QUOTED + rb"|" + _TOKEN + rb"(?![^ \t;]))"
)
_BOUNDARY = re.compile(rb"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]")
_LINE = re.compile(rb"(" + _TOKEN + rb"):[ \t]*([\t -~\x80-\xff]*)")
_NAME = re.compile(r"[A-Za-z0-9_.\-]{1,128}(?:\[[A-Za-z0-9_.\-]{0,128}\])*")
_ENCODINGS = frozenset((b"binary", b"8bit", b"7bit"))
_CODE = "invalid_form"


class Part(msgspec.Struct, frozen=True):
    """The head of one part: its field's name, and what is said of a file in it, as it was sent."""

    name: str
    filename: bytes = b""
    content_type: bytes = b""


Piece = Part | bytes


def boundary_of(content_type: bytes) -> bytes:
    """Read the boundary out of a Content-Type; raises InvalidRequest for none or a bad one."""
    kind, _, _ = content_type.partition(b";")
    params = _params(content_type[len(kind) :], "Content-Type")
    value = _unquoted(params.get(b"boundary", b""))
    if not _BOUNDARY.fullmatch(value):
        raise _bad("The form's boundary is missing or malformed.")
    return value


class FormDecoder:
    """Reads a form: a `Part`, then its bytes in pieces, then the next. `is_done` at its end."""

    __slots__ = ("_buffer", "_delimiter", "_parts", "_step", "is_done")

    def __init__(self, boundary: bytes) -> None:
        """`boundary` without its dashes."""
        self._delimiter = b"\r\n--" + boundary
        # The first delimiter has no line before it: let it seem to have one.
        self._buffer = b"\r\n"
        self._step: Callable[[list[Piece]], bool] = self._take_start
        self._parts = 0
        self.is_done = False

    def feed(self, data: bytes) -> list[Piece]:
        """Take more bytes; raises InvalidRequest for what is malformed or beyond a limit."""
        if self.is_done:
            return []  # whatever follows the last delimiter means nothing
        self._buffer += data
        pieces: list[Piece] = []
        while self._step(pieces):
            pass
        return pieces

    def end(self) -> None:
        """Take the end of the body; raises InvalidRequest when the form had not ended."""
        if not self.is_done:
            raise _bad("The form ends before its last boundary.")

    def _take_start(self, _pieces: list[Piece]) -> bool:
        delimiter = self._delimiter
        if len(self._buffer) < len(delimiter):
            return False
        if not self._buffer.startswith(delimiter):
            raise _bad("The form does not begin with its boundary.")
        self._buffer = self._buffer[len(delimiter) :]
        self._step = self._take_mark
        return True

    def _take_mark(self, _pieces: list[Piece]) -> bool:
        """After a delimiter: a line end, and another part follows; or two dashes, and none does."""
        mark = self._buffer[:2]
        if len(mark) < 2:
            return False
        if mark == b"--":
            if not self._parts:
                raise _bad("The form is empty.")
            self.is_done = True
            self._buffer = b""
            return False
        if mark != b"\r\n":
            raise _bad("The form's boundary occurs inside a part.")
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise _bad(f"The form has more than {MAX_PARTS} parts.")
        self._buffer = self._buffer[2:]
        self._step = self._take_head
        return True

    def _take_head(self, pieces: list[Piece]) -> bool:
        end = self._buffer.find(b"\r\n\r\n", 0, MAX_HEAD + 4)
        if end < 0:
            if len(self._buffer) > MAX_HEAD:
                raise _bad(f"The head of a part is larger than {MAX_HEAD} bytes.")
            return False
        pieces.append(_head(self._buffer[:end]))
        self._buffer = self._buffer[end + 4 :]
        self._step = self._take_body
        return True

    def _take_body(self, pieces: list[Piece]) -> bool:
        buffer, delimiter = self._buffer, self._delimiter
        end = buffer.find(delimiter)
        if end >= 0:
            if end:
                pieces.append(buffer[:end])
            self._buffer = buffer[end + len(delimiter) :]
            self._step = self._take_mark
            return True
        # A delimiter may have begun: it has one CR, so only the last one here can be it.
        begun = buffer.rfind(b"\r", max(len(buffer) - len(delimiter) + 1, 0))
        if begun >= 0 and delimiter.startswith(buffer[begun:]):
            buffer, self._buffer = buffer[:begun], buffer[begun:]
        else:
            self._buffer = b""
        if buffer:
            pieces.append(buffer)
        return False


def write_part(part: Part, boundary: bytes) -> bytes:
    """Write the delimiter and the head of a part; its bytes and a CRLF follow."""
    lines = [b"--" + boundary, b'Content-Disposition: form-data; name="%b"' % part.name.encode()]
    if part.filename:
        lines[-1] += part.filename
    if part.content_type:
        lines.append(b"Content-Type: " + part.content_type)
    return b"\r\n".join((*lines, b"", b""))


def write_end(boundary: bytes) -> bytes:
    """Write the last delimiter."""
    return b"--" + boundary + b"--\r\n"


def _head(head: bytes) -> Part:
    fields: dict[bytes, bytes] = {}
    for line in head.split(b"\r\n"):
        found = _LINE.fullmatch(line)
        name = b"" if found is None else found[1].lower()
        if found is None or name in fields:
            raise _bad("The head of a part is malformed.")
        fields[name] = found[2].strip()
    if fields.get(b"content-transfer-encoding", b"binary").lower() not in _ENCODINGS:
        raise _bad("A part has a Content-Transfer-Encoding, which forms over HTTP have not.")
    return _part(fields.get(b"content-disposition", b""), fields.get(b"content-type", b""))


def _part(disposition: bytes, content_type: bytes) -> Part:
    kind, _, _ = disposition.partition(b";")
    params = _params(disposition[len(kind) :], "Content-Disposition")
    name = _unquoted(params.pop(b"name", b"")).decode("latin-1")
    if kind.strip().lower() != b"form-data" or not _NAME.fullmatch(name):
        raise _bad("A part has no proper name.")
    if params.keys() - {b"filename", b"filename*"} or len(content_type) > 255:
        raise _bad("The head of a part is malformed.")
    filename = b"".join(b"; %b=%b" % (key, _plain(value)) for key, value in params.items())
    return Part(name=name, filename=filename, content_type=content_type)


def _params(text: bytes, where: str) -> dict[bytes, bytes]:
    """Read `; name=value ...`; a parameter that comes twice could be read in two ways."""
    params: dict[bytes, bytes] = {}
    at = 0
    while found := _PARAM.match(text, at):
        name = found[1].lower()
        if name in params:
            raise _bad(f"A parameter of {where} comes twice.")
        params[name] = found[2]
        at = found.end()
    if text[at:].strip(b" \t;"):
        raise _bad(f"{where} is malformed.")
    return params


def _unquoted(value: bytes) -> bytes:
    """Take the quotes off; a value with an escape in it stays as it is and matches nothing."""
    is_quoted = value[:1] == b'"' and b"\\" not in value
    return value[1:-1] if is_quoted else value


def _plain(value: bytes) -> bytes:
    """Write escapes as browsers do: not every reader knows that a quote after a backslash is none.

    A file's name could otherwise end early there, and what follows be read as another `name`.
    """
    return value.replace(b'\\"', b"%22").replace(b"\\", b"%5C")


def _bad(text: str) -> InvalidRequest:
    return InvalidRequest(text, code=_CODE)
