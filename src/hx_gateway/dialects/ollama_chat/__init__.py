"""Ollama's own chat, `/api/chat`: the way out only.

Format: https://github.com/ollama/ollama/blob/main/docs/api.md and its `api/types.go`.
"""

from hx_gateway.dialects.ollama_chat.way_out import WAY_OUT

__all__ = ["WAY_OUT"]
