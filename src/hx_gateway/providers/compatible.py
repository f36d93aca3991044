"""Vendors and servers that speak OpenAI's format as it is: one row each, no code.

Facts are the vendors' own documentation and LiteLLM's prefixes and environment names. What is not
said in a row is derived from its name: the key is in `<NAME>_API_KEY`, the base URL in
`<NAME>_API_BASE`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from hx_gateway.adapter import Bearer, Provider, rename
from hx_gateway.core.call import Operation
from hx_gateway.core.provider import WayOut
from hx_gateway.dialects import (
    cohere_rerank,
    openai_chat,
    openai_completions,
    openai_embeddings,
    openai_media,
)
from hx_gateway.dialects.openai_media import some

_Ways = Mapping[Operation, tuple[WayOut, ...]]

_EMBEDS: _Ways = {Operation.EMBED: (openai_embeddings.WAY_OUT,)}
_CHATS: _Ways = {
    Operation.CHAT: (openai_chat.WAY_OUT,),
    Operation.COMPLETE: (openai_completions.WAY_OUT,),
    **_EMBEDS,
}
_RANKS: _Ways = {Operation.RERANK: (cohere_rerank.WAY_OUT,)}
_DRAWS = some(Operation.IMAGE)
_HEARS = some(Operation.TRANSCRIBE, Operation.TRANSLATE_AUDIO)
_SPEAKS = some(Operation.SPEECH)
_ALL: _Ways = {**openai_media.ALL, **_RANKS}
_NOTHING: _Ways = MappingProxyType({})


class _Row(NamedTuple):
    """One vendor; without a base URL the deployment must give one. `also`: beside text.

    `is_older`: it knows `max_tokens`, and not the name that came later.
    """

    name: str
    base_url: str | None = None
    key_env: tuple[str, ...] = ()
    base_env: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    needs_key: bool = True
    chats: bool = True
    also: _Ways = _NOTHING
    is_older: bool = False


_ROWS = (
    _Row("custom_openai", None, ("OPENAI_LIKE_API_KEY",), ("OPENAI_LIKE_API_BASE",),
         ("openai_like", "openai-compatible"), needs_key=False, also=_ALL),
    _Row("litellm_proxy", needs_key=False, also=_ALL),
    _Row("hosted_vllm", aliases=("vllm",), needs_key=False, also={**_RANKS, **_HEARS, **_SPEAKS}),
    _Row("lm_studio", needs_key=False),
    _Row("llamafile", "http://127.0.0.1:8080/v1", needs_key=False, also=_RANKS),
    _Row("xinference", "http://127.0.0.1:9997/v1", needs_key=False, also=_ALL),
    _Row("infinity", needs_key=False, also=_RANKS),
    _Row("oobabooga", needs_key=False),
    _Row("lemonade", "http://localhost:8000/api/v1", needs_key=False,
         also={**_HEARS, **_SPEAKS, **_DRAWS}),
    _Row("docker_model_runner", "http://localhost:12434/engines/v1", needs_key=False),
    _Row("groq", "https://api.groq.com/openai/v1", also={**_HEARS, **_SPEAKS}),
    _Row("mistral", "https://api.mistral.ai/v1",
         base_env=("MISTRAL_API_BASE", "MISTRAL_AZURE_API_BASE"),
         also=some(Operation.MODERATE, Operation.TRANSCRIBE)),
    _Row("codestral", "https://codestral.mistral.ai/v1"),
    _Row("deepseek", "https://api.deepseek.com/beta"),
    _Row("together_ai", "https://api.together.ai/v1",
         ("TOGETHER_API_KEY", "TOGETHER_AI_API_KEY", "TOGETHERAI_API_KEY", "TOGETHER_AI_TOKEN"),
         also={**_RANKS, **_DRAWS, **_HEARS, **_SPEAKS}),
    _Row("fireworks_ai", "https://api.fireworks.ai/inference/v1",
         ("FIREWORKS_API_KEY", "FIREWORKS_AI_API_KEY", "FIREWORKSAI_API_KEY", "FIREWORKS_AI_TOKEN"),
         ("FIREWORKS_API_BASE",), also=_RANKS),
    _Row("openrouter", "https://openrouter.ai/api/v1", ("OPENROUTER_API_KEY", "OR_API_KEY")),
    _Row("xai", "https://api.x.ai/v1", also=_DRAWS),
    _Row("perplexity", "https://api.perplexity.ai", ("PERPLEXITYAI_API_KEY", "PERPLEXITY_API_KEY")),
    _Row("nvidia_nim", "https://integrate.api.nvidia.com/v1"),
    _Row("cerebras", "https://api.cerebras.ai/v1"),
    _Row("sambanova", "https://api.sambanova.ai/v1"),
    _Row("deepinfra", "https://api.deepinfra.com/v1/openai",
         also={**_DRAWS, **_HEARS, **_SPEAKS,
               **some(Operation.IMAGE_EDIT, Operation.IMAGE_VARIATION)}),
    _Row("jina_ai", "https://api.jina.ai/v1",
         ("JINA_AI_API_KEY", "JINA_API_KEY", "JINA_AI_TOKEN"), chats=False, also=_RANKS),
    _Row("huggingface", "https://router.huggingface.co/v1", ("HUGGINGFACE_API_KEY", "HF_TOKEN")),
    _Row("github", "https://models.inference.ai.azure.com"),
    _Row("novita", "https://api.novita.ai/v3/openai"),
    _Row("nebius", "https://api.studio.nebius.ai/v1", also=_DRAWS),
    _Row("volcengine", "https://ark.cn-beijing.volces.com/api/v3", also=_DRAWS),
    _Row("dashscope", "https://dashscope-intl.aliyuncs.com/compatible-mode/v1"),
    _Row("moonshot", "https://api.moonshot.ai/v1"),
    _Row("meta_llama", "https://api.llama.com/compat/v1", ("LLAMA_API_KEY", "META_LLAMA_API_KEY")),
    _Row("friendliai", "https://api.friendli.ai/serverless/v1",
         ("FRIENDLIAI_API_KEY", "FRIENDLI_TOKEN")),
    _Row("baseten", "https://inference.baseten.co/v1"),
    _Row("wandb", "https://api.inference.wandb.ai/v1"),
    _Row("hyperbolic", "https://api.hyperbolic.xyz/v1"),
    _Row("lambda_ai", "https://api.lambda.ai/v1", ("LAMBDA_API_KEY", "LAMBDA_AI_API_KEY")),
    _Row("featherless_ai", "https://api.featherless.ai/v1"),
    _Row("nscale", "https://inference.api.nscale.com/v1", also=_DRAWS),
    _Row("v0", "https://api.v0.dev/v1"),
    _Row("vercel_ai_gateway", "https://ai-gateway.vercel.sh/v1"),
    _Row("morph", "https://api.morphllm.com/v1"),
    _Row("ai21", "https://api.ai21.com/studio/v1", aliases=("ai21_chat",)),
    _Row("amazon_nova", "https://api.nova.amazon.com/v1"),
    _Row("zai", "https://api.z.ai/api/paas/v4"),
    _Row("minimax", "https://api.minimax.io/v1"),
    _Row("ovhcloud", "https://oai.endpoints.kepler.ai.cloud.ovh.net/v1"),
    _Row("compactifai", "https://api.compactif.ai/v1"),
    _Row("scaleway", "https://api.scaleway.ai/v1", ("SCW_SECRET_KEY",)),
    _Row("gmi", "https://api.gmi-serving.com/v1"),
    _Row("aihubmix", "https://aihubmix.com/v1"),
    _Row("veniceai", "https://api.venice.ai/api/v1", ("VENICE_AI_API_KEY",)),
    _Row("publicai", "https://api.publicai.co/v1", is_older=True),
    _Row("xiaomi_mimo", "https://api.xiaomimimo.com/v1", is_older=True),
    _Row("synthetic", "https://api.synthetic.new/openai/v1", is_older=True),
    _Row("nano-gpt", "https://nano-gpt.com/api/v1", ("NANOGPT_API_KEY",), ("NANOGPT_API_BASE",),
         is_older=True),
    _Row("poe", "https://api.poe.com/v1", is_older=True),
    _Row("chutes", "https://llm.chutes.ai/v1", is_older=True),
    _Row("llamagate", "https://api.llamagate.dev/v1", is_older=True),
)  # fmt: skip


def _provider(row: _Row) -> Provider:
    stem = row.name.upper()
    return Provider(
        name=row.name,
        aliases=row.aliases,
        base_url=row.base_url,
        auth=Bearer(),
        key_env=row.key_env or (f"{stem}_API_KEY",),
        base_env=row.base_env or (f"{stem}_API_BASE",),
        needs_key=row.needs_key,
        speaks={**(_CHATS if row.chats else _EMBEDS), **row.also},
        quirks=(rename("max_completion_tokens", "max_tokens"),) if row.is_older else (),
    )


PROVIDERS = tuple(map(_provider, _ROWS))
