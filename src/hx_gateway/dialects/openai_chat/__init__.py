"""OpenAI Chat Completions, in both directions.

Format: https://platform.openai.com/docs/api-reference/chat
"""

from hx_gateway.dialects.openai_chat.decode import find_usage
from hx_gateway.dialects.openai_chat.way_in import WAY_IN
from hx_gateway.dialects.openai_chat.way_out import WAY_OUT, ChatOut

__all__ = ["WAY_IN", "WAY_OUT", "ChatOut", "find_usage"]
