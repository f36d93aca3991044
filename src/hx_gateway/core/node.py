"""What a model server of one's own tells about itself, and how it is asked."""

from collections.abc import Mapping
from typing import Protocol

import msgspec
from msgspec import Raw

from hx_gateway.core.http import HttpRequest


class Installed(msgspec.Struct, frozen=True, kw_only=True):
    """A model on a node's disk. `embeds_only`: it answers no chat; None when nobody said."""

    name: str
    digest: str = ""
    size: int = 0
    embeds_only: bool | None = None


class Resident(msgspec.Struct, frozen=True, kw_only=True):
    """A model in a node's memory; `context` is the window it was loaded with, None if unknown."""

    name: str
    context: int | None = None
    size: int = 0
    vram: int = 0
    expires_at: str | None = None


class Progress(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One step of a download; bytes, 0 where they are not known."""

    status: str
    digest: str = ""
    total: int = 0
    completed: int = 0


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """What a model says of itself. `context`: the window it sets; `trained`: the most it can."""

    context: int | None = None
    trained: int | None = None
    embeds_only: bool | None = None


class NodeWire(Protocol):
    """How servers of one kind are asked about themselves, and told what to hold. No I/O.

    Readers raise Garbled for what is no answer. `default_context` is the window a server takes
    when nobody says one; it may be larger on a machine with much memory. `refusing` are body fields
    that make it refuse a prompt longer than its window instead of cutting it.
    """

    @property
    def default_context(self) -> int:
        """Tokens."""
        ...

    @property
    def refusing(self) -> Mapping[str, Raw]:
        """Fields of a request."""
        ...

    def full_name(self, model: str) -> str:
        """Write a model's name as the node lists it."""
        ...

    def short_name(self, model: str) -> str:
        """Write a model's name as people do."""
        ...

    def ask_version(self) -> HttpRequest:
        """Ask which version runs."""
        ...

    def read_version(self, body: bytes) -> str:
        """Read the version."""
        ...

    def ask_installed(self) -> HttpRequest:
        """Ask which models are on disk."""
        ...

    def read_installed(self, body: bytes) -> tuple[Installed, ...]:
        """Read them."""
        ...

    def ask_resident(self) -> HttpRequest:
        """Ask which models are in memory."""
        ...

    def read_resident(self, body: bytes) -> tuple[Resident, ...]:
        """Read them."""
        ...

    def show(self, model: str) -> HttpRequest:
        """Ask about one model, without loading it."""
        ...

    def read_shown(self, body: bytes) -> Shown:
        """Read what it says."""
        ...

    def warm(self, model: str, *, embeds_only: bool) -> HttpRequest:
        """Ask to load a model, without generating anything."""
        ...

    def unload(self, model: str) -> HttpRequest:
        """Ask to drop a model from memory."""
        ...

    def pull(self, model: str) -> HttpRequest:
        """Ask to download a model; the answer is a line of progress after another."""
        ...

    def read_progress(self, line: bytes) -> Progress:
        """Read one line; raises UpstreamError for one that says it failed."""
        ...

    def complaint(self, body: bytes) -> str | None:
        """Read the text of an error answer; None when there is none."""
        ...

    def wanted_context(self, fields: Mapping[str, Raw]) -> int | None:
        """Find the window that a request's own fields ask for."""
        ...
