"""OpenAI Responses, in both directions.

Format: https://platform.openai.com/docs/api-reference/responses and responses-streaming.
"""

from hx_gateway.dialects.openai_responses.way_in import WAY_IN
from hx_gateway.dialects.openai_responses.way_out import WAY_OUT

__all__ = ["WAY_IN", "WAY_OUT"]
