"""Cohere: its own rerank, and its OpenAI-compatible chat and embeddings.

Docs: https://docs.cohere.com/reference/rerank, https://docs.cohere.com/docs/compatibility-api
"""

import msgspec

from hx_gateway.adapter import Bearer, Provider
from hx_gateway.core.call import Operation
from hx_gateway.core.provider import Draft, Place
from hx_gateway.dialects import openai_embeddings
from hx_gateway.dialects.cohere_rerank import RerankOut
from hx_gateway.dialects.openai_chat import ChatOut

# The first version takes documents that are objects, and gives them back; the second does not.
_RERANK = "/v1/rerank"
_RERANK_2 = "/v2/rerank"
_COMPATIBLE = "/compatibility/v1"


def _newer(draft: Draft) -> Draft:
    """Ask the second version for what only it can do."""
    if draft.path != _RERANK or "max_tokens_per_doc" not in draft.fields:
        return draft
    return msgspec.structs.replace(draft, path=_RERANK_2)


def _locate(place: Place) -> str:
    """Take a base URL that names the rerank route itself, as LiteLLM's configurations have it."""
    if place.path != _RERANK or not place.base.endswith("/rerank"):
        return place.base + place.path
    return place.base


PROVIDER = Provider(
    name="cohere",
    aliases=("cohere_chat",),
    base_url="https://api.cohere.com",
    auth=Bearer(),
    key_env=("COHERE_API_KEY", "CO_API_KEY"),
    base_env=("COHERE_API_BASE",),
    speaks={
        Operation.CHAT: (ChatOut(path=f"{_COMPATIBLE}/chat/completions"),),
        Operation.EMBED: (openai_embeddings.EmbeddingsOut(path=f"{_COMPATIBLE}/embeddings"),),
        Operation.RERANK: (RerankOut(path=_RERANK),),
    },
    quirks=(_newer,),
    locate=_locate,
    models_path="/v1/models",
    model_names=("command-", "rerank-", "embed-english-", "embed-multilingual-", "embed-v4"),
    docs="https://docs.cohere.com/reference",
)
