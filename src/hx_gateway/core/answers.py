"""Kept answers: how they are named where those of all tenants are together, and their port."""

import hashlib
from collections.abc import Sequence
from typing import Protocol


def answer_label(tenant: str, name: str) -> str:
    """Write the name of a kept answer as clients see it; the tenant in it cannot be read."""
    return f"{hashlib.sha256(tenant.encode()).hexdigest()[:32]}-{name}"


class Answers(Protocol):
    """Kept answers by name, each for a time; any of them may be gone at any moment.

    Raises DependencyError (role `answer cache` or `Redis`) when it cannot say. The tenant is a
    mandatory argument: what one tenant has kept, no other can name. `name` is a hash in hex.
    `is_shared`: other processes see it too, so leases mean something.
    """

    is_shared: bool

    async def get(self, name: str, *, tenant: str) -> bytes | None:
        """Get a kept answer; None when there is none (any more)."""
        ...

    async def put(self, name: str, value: bytes, *, tenant: str, ttl_s: float) -> None:
        """Keep an answer in place of the one before."""
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

    async def aclose(self) -> None:
        """Close it."""
        ...
