"""Reasoning items: their encrypted content is what other formats call a signature."""

REDACTED = "redacted:"


def sealed(signature: str | None, redacted: str | None) -> str | None:
    """Write a signature, or a wholly opaque block, as encrypted content."""
    return signature if redacted is None else REDACTED + redacted


def unsealed(encrypted: str | None) -> tuple[str | None, str | None]:
    """Read encrypted content as a signature or an opaque block."""
    if encrypted is not None and encrypted.startswith(REDACTED):
        return None, encrypted.removeprefix(REDACTED)
    return encrypted, None
