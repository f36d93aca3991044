"""OpenAI's older text completions, in both directions.

Format: https://platform.openai.com/docs/api-reference/completions
"""

from hx_gateway.dialects.openai_completions.way_in import WAY_IN
from hx_gateway.dialects.openai_completions.way_out import WAY_OUT

__all__ = ["WAY_IN", "WAY_OUT"]
