"""How many tokens a prompt has, about: cheap enough to be asked before a deployment is chosen."""

import re
from collections.abc import Mapping

from msgspec import Raw

# The fields that hold what is read by the model, in the formats that we speak.
_PROMPT = ("messages", "input", "prompt", "system", "instructions", "tools")
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
