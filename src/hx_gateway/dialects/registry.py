"""The wire formats clients speak, by name."""

from collections.abc import Mapping
from types import MappingProxyType

from hx_gateway.core.provider import WayIn
from hx_gateway.dialects import openai_chat

WAYS_IN: Mapping[str, WayIn] = MappingProxyType({way.name: way for way in (openai_chat.WAY_IN,)})
