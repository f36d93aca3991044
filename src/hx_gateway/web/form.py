"""A form that a client sends, read ahead only as far as is needed to know what it asks for.

docs/decisions/0011-forms.md says how far, and why.
"""

import secrets
from collections.abc import AsyncIterator

from hx_gateway.core.errors import TooLarge
from hx_gateway.core.http import Chunks
from hx_gateway.dialects.form import FormDigest, FormScanner
from hx_gateway.dialects.multipart import boundary_of
from hx_gateway.pipeline.controls import REFUSED
from hx_gateway.web.spool import HELD, Spool

_MODEL = "model"


class IncomingForm:
    """One form under way; a `Form`. Whoever opens it closes it."""

    def __init__(
        self, stream: Chunks, content_type: bytes, spool: Spool, *, with_digest: bool = False
    ) -> None:
        """Read nothing yet; raises InvalidRequest for a bad boundary.

        `with_digest`: `read_all` will be called.
        """
        self.boundary = boundary_of(content_type)
        self.fresh_boundary = b"hx-" + secrets.token_hex(16).encode()
        self._stream = stream
        self._rest = aiter(stream)
        self._spool = spool
        self._has_ended = False
        self._is_passing = False
        self._is_read = False
        self._digest = FormDigest(frozenset({_MODEL})) if with_digest else None
        self._scanner = FormScanner(self.boundary, frozenset({_MODEL}), REFUSED, self._digest)
        self.digest: str | None = None

    async def find_model(self, known: str | None) -> str | None:
        """Read until the model is known and the form is whole or too large to be held in memory.

        `known`: the path has named the model already. None: the form ended without one.
        """
        scanner = self._scanner
        async for piece in self._rest:
            if scanner.is_done:
                continue  # nothing that follows the form's end is wanted
            scanner.feed(piece)
            self._spool.add(piece)
            if self._spool.size > HELD and not scanner.is_done:
                if model := known or scanner.values.get(_MODEL):
                    return model
                await self._spool.spill()
        self._has_ended = True
        scanner.end()
        return known or scanner.values.get(_MODEL) or None

    async def read_all(self) -> None:
        """Read to the end, on disk what is too large to be held, and name what it is."""
        async for piece in self._rest:
            if not self._scanner.is_done:
                self._scanner.feed(piece)
                self._spool.add(piece)
                if self._spool.size > HELD:
                    await self._spool.spill()
        self._has_ended = True
        self._scanner.end()
        self.digest = None if self._digest is None else self._digest.name()

    @property
    def whole(self) -> bytes | None:
        """See `Form`."""
        return self._spool.whole if self._has_ended else None

    @property
    def is_repeatable(self) -> bool:
        """See `Form`."""
        return not self._is_passing

    @property
    def size(self) -> int | None:
        """See `Form`."""
        return self._spool.size if self._has_ended and not self._is_passing else None

    @property
    def is_given(self) -> bool:
        """See `Form`: what is in memory goes out as one."""
        return self._is_read or self.whole is not None

    def pieces(self) -> "Pieces":
        """See `Form`."""
        return Pieces(self)

    async def read(self) -> AsyncIterator[bytes]:
        """Give what was read ahead, then the rest as it arrives; that is let go."""
        self._is_read = False
        async for piece in self._spool.pieces():
            yield piece
        if not self._has_ended:
            self._is_passing = True
            async for piece in self._rest:
                yield piece
            self._has_ended = True
        self._is_read = True

    async def stop(self) -> None:
        """Take no more from the client, once nobody can use it."""
        if self._is_passing:
            await self._stream.aclose()

    async def aclose(self) -> None:
        """Let go of everything."""
        await self._spool.aclose()
        await self._stream.aclose()


class Pieces:
    """A form's bytes for one attempt; see `Chunks`. Closing it leaves the form for the next."""

    def __init__(self, form: IncomingForm) -> None:
        """Read nothing yet."""
        self._form = form

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Read from the beginning."""
        return self._form.read()

    async def aclose(self) -> None:
        """End what has begun to pass."""
        await self._form.stop()


async def gather(stream: Chunks, limit: int) -> bytes:
    """Read a whole body; raises TooLarge past the limit."""
    pieces: list[bytes] = []
    size = 0
    async for piece in stream:
        pieces.append(piece)
        size += len(piece)
        if size > limit:
            raise TooLarge(f"The body is larger than {limit} bytes.")
    return b"".join(pieces)
