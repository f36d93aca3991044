"""What a virtual key looks like, how one is made, and under what name it is stored."""

import hashlib
import re
import secrets

PREFIX = "sk-"
MIN_LENGTH = 32
MAX_LENGTH = 256
_RANDOM_BYTES = 32  # 43 characters of base64
_FORM = re.compile(r"sk-[A-Za-z0-9._~+/=-]+")
_HASH = re.compile(r"[0-9a-f]{64}")


def new_key() -> str:
    """Make a key: `sk-` and 256 random bits."""
    return PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)


def is_key(text: str) -> bool:
    """Say whether a text has the form of a key that may be issued."""
    return MIN_LENGTH <= len(text) <= MAX_LENGTH and _FORM.fullmatch(text) is not None


def is_key_id(text: str) -> bool:
    """Say whether a text is the id of a key (SHA-256 hex)."""
    return _HASH.fullmatch(text) is not None


def key_id(key: str) -> str:
    """Give the id of a key: SHA-256 hex of the whole text, without salt.

    The same as LiteLLM's `token` column, so that its keys can be imported. No salt and no slow
    hash: the input has 256 random bits, there is nothing to guess.
    """
    return hashlib.sha256(key.encode()).hexdigest()


def shown(key: str) -> str:
    """Give what may be shown of a key: its last four characters."""
    return f"{PREFIX}...{key[-4:]}"
