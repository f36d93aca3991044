"""Files and sounds between the dialects; each is kept as its client's own JSON."""

from hx_gateway.core import wire
from hx_gateway.core.chat import Document

Json = dict[str, object]


def openai_document(part: Document) -> Json:
    """Write a file or a sound as a content part of Chat Completions."""
    return dict(wire.decode_any(part.raw))
