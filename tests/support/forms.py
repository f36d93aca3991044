"""Forms for tests: their bytes, and one that is under way."""

from collections.abc import AsyncIterator

from hx_gateway.core.http import Chunks

BOUNDARY = b"client"
TYPE = b"multipart/form-data; boundary=client"


def form_of(*fields: tuple[str, bytes]) -> bytes:
    """Write a form as a browser would; the field `file` is a file."""
    parts = [
        b'--%b\r\nContent-Disposition: form-data; name="%b"%b\r\n\r\n%b\r\n'
        % (BOUNDARY, name.encode(), b'; filename="a.wav"' if name == "file" else b"", value)
        for name, value in fields
    ]
    return b"".join((*parts, b"--" + BOUNDARY + b"--\r\n"))


class Arriving:
    """A body in pieces, as the edge hands it over: `taken` counts them."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = list(pieces)
        self.taken = 0
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while self._pieces:
            self.taken += 1
            yield self._pieces.pop(0)

    async def aclose(self) -> None:
        self.closed = True


class FakeForm:
    """A form; see `core.form.Form`. `passes`: it can be read once only."""

    boundary = BOUNDARY
    fresh_boundary = b"fresh"

    def __init__(self, data: bytes, *, in_memory: bool = True, passes: bool = False) -> None:
        self.whole: bytes | None = data if in_memory else None
        self.size: int | None = None if passes else len(data)
        self.is_given = in_memory
        self.digest: str | None = None
        self._data = data
        self._passes = passes
        self.is_repeatable = True

    def pieces(self) -> Chunks:
        if self._passes:
            self.is_repeatable = False
        return Arriving(*(self._data[n : n + 7] for n in range(0, len(self._data), 7)))
