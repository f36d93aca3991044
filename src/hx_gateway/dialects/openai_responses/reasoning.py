"""Reasoning items: their encrypted content is what other formats call a signature.

Each vendor can verify its own only, so a signature says whose it is where the formats meet: in the
hub those of Responses are marked, and for a client of Responses all others are.
"""

from hx_gateway.dialects.seals import RESPONSES_SEAL

MESSAGES = "messages:"
REDACTED = "redacted:"


def sealed(signature: str | None, redacted: str | None) -> str | None:
    """Write a signature, or a wholly opaque block, as encrypted content for a client."""
    if redacted is not None:
        return REDACTED + redacted
    if signature is None:
        return None
    own = own_seal(signature)
    return MESSAGES + signature if own is None else own


def own_seal(signature: str | None) -> str | None:
    """Give the encrypted content that an upstream of this format can verify; None for others'."""
    if signature is None or not signature.startswith(RESPONSES_SEAL):
        return None
    return signature.removeprefix(RESPONSES_SEAL)


def unsealed(encrypted: str | None) -> tuple[str | None, str | None]:
    """Read encrypted content as a signature or an opaque block."""
    if not encrypted:
        return None, None
    if encrypted.startswith(REDACTED):
        return None, encrypted.removeprefix(REDACTED)
    if encrypted.startswith(MESSAGES):
        return encrypted.removeprefix(MESSAGES), None
    return RESPONSES_SEAL + encrypted, None
