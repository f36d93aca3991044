"""The wire formats clients speak, by name; and how to read what was written in one."""

from collections.abc import Mapping
from types import MappingProxyType

from hx_gateway.core.provider import WayIn, WayOut
from hx_gateway.dialects import (
    anthropic_messages,
    cohere_rerank,
    openai_chat,
    openai_completions,
    openai_embeddings,
    openai_media,
    openai_responses,
)

_ALL: tuple[WayIn, ...] = (
    openai_chat.WAY_IN,
    openai_completions.WAY_IN,
    openai_embeddings.WAY_IN,
    anthropic_messages.WAY_IN,
    openai_responses.WAY_IN,
    cohere_rerank.WAY_IN,
    *openai_media.WAYS_IN,
)
WAYS_IN: Mapping[str, WayIn] = MappingProxyType({way.name: way for way in _ALL})

# The same formats as upstreams speak them: what a client was answered can be read again.
_READERS: tuple[WayOut, ...] = (
    openai_chat.WAY_OUT,
    openai_completions.WAY_OUT,
    anthropic_messages.WAY_OUT,
    openai_responses.WAY_OUT,
)
READERS: Mapping[str, WayOut] = MappingProxyType({way.name: way for way in _READERS})
