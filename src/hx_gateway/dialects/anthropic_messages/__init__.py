"""Anthropic Messages, in both directions.

Format: https://docs.anthropic.com/en/api/messages and messages-streaming.
"""

from hx_gateway.dialects.anthropic_messages.way_in import WAY_IN
from hx_gateway.dialects.anthropic_messages.way_out import WAY_OUT, MessagesOut

__all__ = ["WAY_IN", "WAY_OUT", "MessagesOut"]
