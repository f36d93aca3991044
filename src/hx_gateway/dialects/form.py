"""What is looked for in a form, and what is changed in one on its way to an upstream. Pure."""

import hashlib
from collections.abc import Mapping

import msgspec

from hx_gateway.core.errors import InvalidRequest
from hx_gateway.dialects.multipart import FormDecoder, Part, write_end, write_part

MAX_VALUE = 1024  # bytes of a field that is looked at


class FormScanner:
    """Looks into a form that arrives: the values of some small fields.

    `values` holds those that are there whole; the value of a field ends where the next begins.
    """

    def __init__(
        self,
        boundary: bytes,
        wanted: frozenset[str],
        refused: frozenset[str],
        digest: "FormDigest | None" = None,
    ) -> None:
        """`refused` are fields that a caller may not set; `digest` is given what arrives."""
        self._decoder = FormDecoder(boundary)
        self._wanted = wanted
        self._refused = refused
        self._open: str | None = None
        self._value = b""
        self._digest = digest
        self.values: dict[str, str] = {}

    @property
    def is_done(self) -> bool:
        """Whether the form's end was seen."""
        return self._decoder.is_done

    def feed(self, data: bytes) -> None:
        """Take more bytes; raises InvalidRequest."""
        for piece in self._decoder.feed(data):
            if self._digest is not None:
                self._digest.take(piece)
            if isinstance(piece, Part):
                self._close()
                self._begin(piece)
            elif self._open is not None:
                self._value += piece
                if len(self._value) > MAX_VALUE:
                    raise InvalidRequest(f"'{self._open}' is too long.", param=self._open)
        if self._decoder.is_done:
            self._close()

    def end(self) -> None:
        """Take the end of the body; raises InvalidRequest when the form was cut."""
        self._decoder.end()

    def _begin(self, part: Part) -> None:
        check_allowed(part.name, self._refused)
        if part.name in self.values:
            raise InvalidRequest(f"'{part.name}' is given twice.", param=part.name)
        self._open = part.name if part.name in self._wanted else None

    def _close(self) -> None:
        if self._open is None:
            return
        try:
            self.values[self._open] = self._value.decode()
        except UnicodeDecodeError:
            raise InvalidRequest(f"'{self._open}' is not UTF-8.", param=self._open) from None
        self._open, self._value = None, b""


class FormDigest:
    """A hash over the parts of a form as they arrive, whatever frames them."""

    def __init__(self, without: frozenset[str]) -> None:
        """`without` are fields that do not count."""
        self._without = without
        self._all = hashlib.sha256()
        self._one = hashlib.sha256()
        self._counts = False

    def take(self, piece: Part | bytes) -> None:
        """Take the head of a part, or some of its bytes."""
        if not isinstance(piece, Part):
            self._one.update(piece)
            return
        self._close()
        self._counts = piece.name not in self._without
        self._one = hashlib.sha256(msgspec.msgpack.encode(piece))  # says itself where it ends

    def name(self) -> str:
        """Give the hash of what was taken."""
        self._close()
        return self._all.hexdigest()

    def _close(self) -> None:
        if self._counts:
            self._all.update(self._one.digest())
        self._counts = False


def check_allowed(name: str, refused: frozenset[str]) -> None:
    """Raise InvalidRequest for a field that a caller may not set."""
    if name in refused:
        raise InvalidRequest(
            f"'{name}' may not be set by a request; it belongs to the configuration.",
            param=name,
            code="parameter_not_allowed",
        )


class FormChange(msgspec.Struct, frozen=True, kw_only=True):
    """What a form needs to be for one upstream.

    `first` are fields that replace the client's, `defaults` those added unless the client sent its
    own, `dropped` are left out, `refused` end the call. Of each entry of `required` one name
    must be there, not empty.
    """

    first: Mapping[str, bytes] = {}
    defaults: Mapping[str, bytes] = {}
    dropped: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()
    required: tuple[tuple[str, ...], ...] = ()


class FormRewriter:
    """Writes a form anew while it arrives, changed. `left_out` are the fields that were dropped."""

    def __init__(self, boundary: bytes, fresh_boundary: bytes, change: FormChange) -> None:
        """`fresh_boundary` frames what is written; it must not be foreseeable."""
        self._decoder = FormDecoder(boundary)
        self._boundary = fresh_boundary
        self._change = change
        self._head = b"".join(self._field(*item) for item in change.first.items())
        self._part: Part | None = None
        self._is_kept = False
        self._seen: set[str] = set()
        self._filled: set[str] = set()
        self.left_out: list[str] = []

    def feed(self, data: bytes) -> bytes:
        """Take more bytes, give those that go on (may be none); raises InvalidRequest."""
        out = [self._head] if self._head else []
        self._head = b""
        for piece in self._decoder.feed(data):
            if isinstance(piece, Part):
                out.append(self._begin(piece))
            else:
                self._note()
                if self._is_kept:
                    out.append(piece)
        return b"".join(out)

    def end(self) -> bytes:
        """Take the end, give the last bytes; raises InvalidRequest when something is missing."""
        self._decoder.end()
        for names in self._change.required:
            if self._filled.isdisjoint(names):
                state = "is empty" if not self._seen.isdisjoint(names) else "is required"
                raise InvalidRequest(f"'{names[0]}' {state}.", param=names[0])
        missing = [item for item in self._change.defaults.items() if item[0] not in self._seen]
        added = b"".join(self._field(*item) for item in missing)
        return self._line_end() + added + write_end(self._boundary)

    def _begin(self, part: Part) -> bytes:
        ended = self._line_end()
        change = self._change
        check_allowed(part.name, change.refused)
        self._part = part
        self._seen.add(part.name)
        self._is_kept = part.name not in change.first and part.name not in change.dropped
        if part.name in change.dropped:
            self.left_out.append(part.name)
        return ended + write_part(part, self._boundary) if self._is_kept else ended

    def _note(self) -> None:
        if self._part is not None:
            self._filled.add(self._part.name)

    def _line_end(self) -> bytes:
        """End the bytes of the part before."""
        return b"\r\n" if self._is_kept else b""

    def _field(self, name: str, value: bytes) -> bytes:
        return write_part(Part(name), self._boundary) + value + b"\r\n"
