"""What must change in a client's own messages before they are relayed: thoughts of other vendors.

A conversation that another model answered for a while holds thoughts without a signature, or with
one that is not this vendor's. It would refuse the whole request for them.
"""

import msgspec
from msgspec import Raw

from hx_gateway.core.wire import NOT_JSON, raw
from hx_gateway.dialects.seals import RESPONSES_SEAL

_MARKS = (b'"signature":""', b'"signature": ""', b'"' + RESPONSES_SEAL.encode())
_MESSAGES = msgspec.json.Decoder(list[dict[str, Raw]])
_BLOCKS = msgspec.json.Decoder(list[Raw])


class _Block(msgspec.Struct):
    type: str | None = None
    signature: str | None = None


_BLOCK = msgspec.json.Decoder(_Block)


def has_foreign_thoughts(messages: Raw) -> bool:
    """Tell whether messages may hold thoughts of others: a search of bytes, seldom more."""
    data = bytes(messages)
    return any(data.find(mark) >= 0 for mark in _MARKS)


def without_foreign_thoughts(messages: Raw) -> Raw:
    """Leave such thoughts out; everything else stays as it is. What is no list stays too."""
    try:
        read = _MESSAGES.decode(messages)
        return raw([_without(message) for message in read])
    except NOT_JSON:
        return messages  # the upstream's to refuse


def _without(message: dict[str, Raw]) -> dict[str, Raw]:
    content = message.get("content")
    if content is None or not bytes(content).lstrip().startswith(b"["):
        return message
    blocks = _BLOCKS.decode(content)
    kept = [block for block in blocks if not _is_foreign(block)]
    return message if len(kept) == len(blocks) else {**message, "content": raw(kept)}


def _is_foreign(data: Raw) -> bool:
    block = _BLOCK.decode(data)
    if block.type != "thinking" or block.signature is None:
        return False
    return not block.signature or block.signature.startswith(RESPONSES_SEAL)
