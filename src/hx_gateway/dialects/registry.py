"""The wire formats clients speak, by name."""

from collections.abc import Mapping
from types import MappingProxyType

from hx_gateway.core.provider import WayIn
from hx_gateway.dialects import (
    anthropic_messages,
    openai_chat,
    openai_completions,
    openai_embeddings,
    openai_responses,
)

_ALL: tuple[WayIn, ...] = (
    openai_chat.WAY_IN,
    openai_completions.WAY_IN,
    openai_embeddings.WAY_IN,
    anthropic_messages.WAY_IN,
    openai_responses.WAY_IN,
)
WAYS_IN: Mapping[str, WayIn] = MappingProxyType({way.name: way for way in _ALL})
