"""How many tokens a prompt has, about: cheap enough to be asked before a deployment is chosen.

Counts bytes of what is not read otherwise. Who must know better counts words: `core/tokens.py`.
"""

import re
from collections.abc import Mapping

from msgspec import Raw

from hx_gateway.core.usage import Usage

# The fields that hold what is read by the model, in the formats that we speak.
_PROMPT = (
    "messages", "input", "prompt", "system", "instructions", "tools", "query", "documents",
)  # fmt: skip
_BYTES_A_TOKEN = 4  # of English text in the usual tokenizers; JSON around it evens out others
# Images and sound travel as base64; by their bytes they would count a thousand times too much.
_BASE64 = re.compile(rb"[A-Za-z0-9+/=_-]{512,}")


def estimate_tokens(fields: Mapping[str, Raw]) -> int:
    """Estimate the input tokens of a call's body."""
    size = 0
    for name in _PROMPT:
        raw = fields.get(name)
        if raw is not None:
            data = bytes(raw)
            size += len(_BASE64.sub(b"", data) if len(data) > 2048 else data)
    return size // _BYTES_A_TOKEN


def guess_usage(fields: Mapping[str, Raw], pieces: int) -> Usage:
    """Guess the usage of a call whose upstream never told it: a piece of a stream is a token."""
    return Usage(input=estimate_tokens(fields), output=pieces)
