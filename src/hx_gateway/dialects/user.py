"""How a vendor is told who asks: an id that it takes stays, any other becomes a digest.

OpenAI takes 64 characters, and one agent's ids have 150; Anthropic refuses what looks like an
address or a telephone number (https://docs.anthropic.com/en/api/messages, `metadata.user_id`).
"""

import re
from collections.abc import Iterator
from hashlib import sha256

MOST = 64
_OPAQUE = re.compile(r"(?=[0-9_-]*[A-Za-z])[A-Za-z0-9_-]{1,256}")


def short_user(user: str | None) -> str | None:
    """Give an id of at most 64 characters."""
    return user if user is None or len(user) <= MOST else _digest(user)


def opaque_user(user: str | None) -> str | None:
    """Give an id that says nothing about a person."""
    return user if user is None or _OPAQUE.fullmatch(user) else _digest(user)


def user_losses(user: str | None, shown: str | None) -> Iterator[str]:
    """Note that another id than the client's is shown."""
    if user != shown:
        yield "hash:user"


def _digest(user: str) -> str:
    return sha256(user.encode()).hexdigest()
