"""A form with files on its way through: too large to be held, so it is read as it arrives."""

from typing import Protocol

from hx_gateway.core.http import Chunks


class Form(Protocol):
    """The body of a call that is a form (`multipart/form-data`).

    `boundary` frames what arrives; `fresh_boundary` what goes out, and no caller can foresee it.
    `whole` is the body if it is small enough to be in memory. `is_repeatable`: all that was read of
    it is still here, so it can be sent from its beginning (again). `size` in bytes, None while some
    of it is still to come from the client. `is_given`: an attempt has all that it needs of it.
    `digest` names its content, but for the model, once all of it was read for that.
    """

    @property
    def boundary(self) -> bytes:
        """The client's boundary."""
        ...

    @property
    def fresh_boundary(self) -> bytes:
        """Our own."""
        ...

    @property
    def whole(self) -> bytes | None:
        """The whole body, or None while it is not all in memory."""
        ...

    @property
    def is_repeatable(self) -> bool:
        """Whether it can be read from its beginning."""
        ...

    @property
    def size(self) -> int | None:
        """How large it is, once all of it is here."""
        ...

    @property
    def is_given(self) -> bool:
        """Whether an attempt that was begun can go on without it."""
        ...

    @property
    def digest(self) -> str | None:
        """A hash over its parts, or None while it is not known."""
        ...

    def pieces(self) -> Chunks:
        """Read it from its beginning; call only while it is repeatable."""
        ...
