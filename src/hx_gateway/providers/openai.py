"""OpenAI itself.

Docs: https://platform.openai.com/docs/api-reference
"""

from hx_gateway.adapter import Bearer, Provider
from hx_gateway.core.call import Operation
from hx_gateway.dialects import (
    cohere_rerank,
    openai_chat,
    openai_completions,
    openai_embeddings,
    openai_media,
    openai_responses,
)

PROVIDER = Provider(
    name="openai",
    aliases=("text-completion-openai",),
    base_url="https://api.openai.com/v1",
    auth=Bearer(),
    key_env=("OPENAI_API_KEY",),
    base_env=("OPENAI_BASE_URL", "OPENAI_API_BASE"),
    speaks={
        # Reasoning models refuse `max_tokens`; all others take both names.
        Operation.CHAT: (
            openai_chat.ChatOut(
                max_tokens_field="max_completion_tokens",
                lacks=frozenset({"top_k"}),
                foreign=frozenset(),
            ),
            openai_responses.WAY_OUT,
        ),
        Operation.COMPLETE: (openai_completions.WAY_OUT,),
        Operation.EMBED: (openai_embeddings.WAY_OUT,),
        **openai_media.ALL,
        # Not at the vendor itself, but servers that imitate it have it.
        Operation.RERANK: (cohere_rerank.WAY_OUT,),
    },
    # `openai/x` with a base URL of one's own is LiteLLM's word for anything that speaks chat.
    at_home=frozenset({"openai_responses"}),
    model_names=(
        "gpt-",
        "chatgpt-",
        "o1",
        "o3",
        "o4-",
        "codex-",
        "computer-use-",
        "text-embedding-",
        "davinci-",
        "babbage-",
        "ft:gpt-",
        "ft:o4-",
        "ft:davinci-",
        "ft:babbage-",
        "omni-moderation-",
        "text-moderation-",
        "dall-e-",
        "tts-1",
        "whisper-1",
    ),
    docs="https://platform.openai.com/docs/api-reference",
)
