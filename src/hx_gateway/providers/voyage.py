"""Voyage: embeddings and reranking.

Docs: https://docs.voyageai.com/reference
"""

from hx_gateway.adapter import Bearer, Provider, rename
from hx_gateway.core.call import Operation
from hx_gateway.dialects import openai_embeddings
from hx_gateway.dialects.cohere_rerank import RerankOut

_UNKNOWN = frozenset({"max_chunks_per_doc", "max_tokens_per_doc", "rank_fields"})

PROVIDER = Provider(
    name="voyage",
    base_url="https://api.voyageai.com/v1",
    auth=Bearer(),
    key_env=("VOYAGE_API_KEY", "VOYAGE_AI_API_KEY", "VOYAGE_AI_TOKEN"),
    base_env=("VOYAGE_API_BASE",),
    speaks={
        Operation.EMBED: (openai_embeddings.WAY_OUT,),
        # Other names than everybody else's, in both directions: so it is translated.
        Operation.RERANK: (
            RerankOut(name="voyage_rerank", top="top_k", unknown=_UNKNOWN, texts_only=True),
        ),
    },
    quirks=(rename("dimensions", "output_dimension"),),
    docs="https://docs.voyageai.com/reference",
)
