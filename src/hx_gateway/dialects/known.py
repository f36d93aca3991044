"""The request fields each format has, for deployments that refuse or drop all others.

Sources: the parameters in the vendors' own Python SDKs (openai 3.x, anthropic 0.9x), and for Chat
Completions what the servers that imitate it add (vLLM, SGLang, llama.cpp, OpenRouter, DeepSeek).
"""

from collections.abc import Mapping
from types import MappingProxyType

_SHARED = frozenset({"model", "stream", "stream_options", "user"})
_SAMPLING = frozenset({"temperature", "top_p", "seed", "stop", "n", "logit_bias"})
_PENALTIES = frozenset({"frequency_penalty", "presence_penalty"})
_IMITATORS = frozenset(
    {
        "best_of", "chat_template", "chat_template_kwargs", "enable_thinking", "grammar",
        "guided_choice", "guided_grammar", "guided_json", "guided_regex", "ignore_eos",
        "include_reasoning", "include_stop_str_in_output", "keep_alive", "min_p", "min_tokens",
        "models", "num_ctx", "options", "provider", "reasoning", "reasoning_format",
        "repetition_penalty", "route", "safe_prompt", "skip_special_tokens", "stop_token_ids",
        "structured_outputs", "thinking", "thinking_budget", "top_a", "top_k", "transforms",
    }
)  # fmt: skip
_CHAT = _SHARED | _SAMPLING | _PENALTIES | _IMITATORS | {
    "messages", "audio", "function_call", "functions", "logprobs", "max_completion_tokens",
    "max_tokens", "metadata", "modalities", "moderation", "parallel_tool_calls", "prediction",
    "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "reasoning_effort",
    "response_format", "safety_identifier", "service_tier", "store", "tool_choice", "tools",
    "top_logprobs", "verbosity", "web_search_options",
}  # fmt: skip
_RESPONSES = _SHARED | {
    "background", "client_metadata", "context_management", "conversation", "include", "input",
    "instructions", "max_output_tokens", "max_tool_calls", "metadata", "moderation",
    "parallel_tool_calls", "previous_response_id", "prompt", "prompt_cache_key",
    "prompt_cache_options", "prompt_cache_retention", "reasoning", "safety_identifier",
    "service_tier", "store", "temperature", "text", "tool_choice", "tools", "top_logprobs", "top_p",
    "truncation",
}  # fmt: skip
_MESSAGES = frozenset(
    {
        "model", "stream", "messages", "system", "max_tokens", "cache_control", "container",
        "context_management", "diagnostics", "inference_geo", "mcp_servers", "metadata",
        "output_config", "output_format", "service_tier", "speed", "stop_sequences",
        "temperature", "thinking", "tool_choice", "tools", "top_k", "top_p", "user_profile_id",
    }
)  # fmt: skip
_COMPLETIONS = _SHARED | _SAMPLING | _PENALTIES | _IMITATORS | {
    "prompt", "echo", "logprobs", "max_tokens", "suffix",
}  # fmt: skip
_EMBEDDINGS = frozenset(
    {
        "input", "prompt", "model", "dimensions", "encoding_format", "user", "input_type",
        "truncate", "truncate_prompt_tokens", "task", "keep_alive", "options", "num_ctx",
    }
)  # fmt: skip

# A format that is not here knows everything.
FIELDS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "openai_chat": _CHAT,
        "openai_responses": _RESPONSES,
        "openai_completions": _COMPLETIONS,
        "openai_embeddings": _EMBEDDINGS,
        "anthropic_messages": _MESSAGES,
    }
)

# The parameters that are OpenAI's own; what must always be there is none.
OPENAI_PARAMS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "openai_chat": _CHAT - _IMITATORS - {"model", "messages"},
        "openai_embeddings": frozenset({"dimensions", "encoding_format", "user"}),
    }
)
