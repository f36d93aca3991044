"""Kept answers: how they are named where those of all tenants are together, and their port."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec


def answer_label(tenant: str, name: str) -> str:
    """Write the name of a kept answer as clients see it; the tenant in it cannot be read."""
    return f"{hashlib.sha256(tenant.encode()).hexdigest()[:32]}-{name}"


class ServerInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What a server that keeps answers says of itself, in its own words."""

    clients: tuple[Mapping[str, str], ...]
    facts: Mapping[str, object]


class KeptAnswers(Protocol):
    """What both ports of kept answers have: leases, and what operators do.

    Raises DependencyError (role `answer cache`, `Redis` or `vector store`) when it cannot say. The
    tenant is a mandatory argument: what one tenant has kept, no other can name. `name` is a hash in
    hex. `is_shared`: other processes see it too, so leases mean something.
    """

    is_shared: bool

    async def get(self, name: str, *, tenant: str) -> bytes | None:
        """Get a kept answer; None when there is none (any more)."""
        ...

    async def delete(self, labels: Sequence[str]) -> int:
        """Remove answers of any tenant by their labels (`answer_label`); gives how many."""
        ...

    async def flush(self) -> None:
        """Remove all answers of this gateway, and nothing else."""
        ...

    async def lease(self, name: str, *, tenant: str, holder: str, ttl_s: float) -> bool:
        """Take or renew the right to make an answer; False when somebody else has it."""
        ...

    async def release(self, name: str, *, tenant: str, holder: str) -> None:
        """Give the right back, if it is still the holder's."""
        ...

    async def ping(self) -> None:
        """Raise DependencyError when it does not answer."""
        ...

    async def describe(self) -> ServerInfo | None:
        """Ask a Redis server how it is, and who is connected; None where there is none."""
        ...

    async def aclose(self) -> None:
        """Close it."""
        ...


class Answers(KeptAnswers, Protocol):
    """Kept answers by name, each for a time; any of them may be gone at any moment."""

    async def get_all(self, names: Sequence[str], *, tenant: str) -> list[bytes | None]:
        """Get several at once, in the order of their names."""
        ...

    async def put(self, name: str, value: bytes, *, tenant: str, ttl_s: float) -> None:
        """Keep an answer in place of the one before."""
        ...


class Nearest(msgspec.Struct, frozen=True, kw_only=True):
    """A kept answer that was found by meaning; `similarity` is the cosine, 1 for equal."""

    label: str
    value: bytes
    similarity: float


class NearAnswers(KeptAnswers, Protocol):
    """Kept answers that are found by vectors, each of which belongs to a bucket of one tenant.

    `bucket` is a hash in hex of all that has to be equal. `get` gives None also where a store
    cannot look up by name.
    """

    async def nearest(
        self, vector: Sequence[float], *, tenant: str, bucket: str, least: float
    ) -> Nearest | None:
        """Find the answer of a bucket whose vector is nearest, if its cosine is at least `least`.

        None also where the store can search no vectors.
        """
        ...

    async def put(
        self,
        name: str,
        value: bytes,
        vector: Sequence[float],
        *,
        tenant: str,
        bucket: str,
        ttl_s: float,
    ) -> None:
        """Keep an answer in place of the one before."""
        ...

    async def can_search(self) -> bool:
        """Say whether it can search vectors at all; raises DependencyError."""
        ...
