"""Fields that only some formats know, so that a translated call leaves them behind.

The way in leaves out what no other format has a word for; a way out leaves out what OpenAI's two
formats share and it does not. What no list holds is some vendor's own and goes on as it is.
"""

from collections.abc import Mapping

from msgspec import Raw

CHAT_ONLY = frozenset(
    {
        "audio", "modalities", "prediction", "web_search_options", "logit_bias", "functions",
        "function_call",
    }
)  # fmt: skip
RESPONSES_ONLY = frozenset(
    {
        "truncation", "background", "conversation", "prompt",
        "max_tool_calls", "context_management", "stream_options", "client_metadata",
    }
)  # fmt: skip
MESSAGES_ONLY = frozenset(
    {
        "cache_control", "container", "inference_geo", "service_tier", "context_management",
        "mcp_servers", "betas", "speed", "user_profile_id", "diagnostics",
    }
)  # fmt: skip
OPENAI_ONLY = frozenset(
    {
        "service_tier", "store", "metadata", "prompt_cache_key", "prompt_cache_retention",
        "safety_identifier", "verbosity",
    }
)  # fmt: skip


def without_openai(extra: Mapping[str, Raw]) -> dict[str, Raw]:
    """Leave out what only OpenAI's formats know."""
    return {name: value for name, value in extra.items() if name not in OPENAI_ONLY}
