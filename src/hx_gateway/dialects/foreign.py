"""Fields that only one family of formats knows: a translated call leaves the others' behind.

What no list holds is some vendor's own and goes on under the client's name.
"""

from collections.abc import Mapping

from msgspec import Raw

OPENAI = frozenset(
    {
        "service_tier", "store", "metadata", "prompt_cache_key", "prompt_cache_retention",
        "safety_identifier", "verbosity",
    }
)  # fmt: skip
CHAT = frozenset(
    {
        "audio", "modalities", "prediction", "web_search_options", "logit_bias", "functions",
        "function_call", "thinking_blocks",
    }
)  # fmt: skip
RESPONSES = frozenset(
    {
        "include", "truncation", "background", "previous_response_id", "conversation", "prompt",
        "max_tool_calls", "context_management", "stream_options",
    }
)  # fmt: skip
ANTHROPIC = frozenset(
    {
        "cache_control", "container", "inference_geo", "service_tier", "context_management",
        "mcp_servers", "betas", "speed", "fallbacks", "user_profile_id", "diagnostics",
    }
)  # fmt: skip


def without(extra: Mapping[str, Raw], *families: frozenset[str]) -> dict[str, Raw]:
    """Leave out the fields of some families."""
    foreign = frozenset().union(*families)
    return {name: value for name, value in extra.items() if name not in foreign}
