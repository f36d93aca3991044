"""Ollama, natively: its own chat and embeddings, so that `num_ctx` and `keep_alive` count.

Docs: https://github.com/ollama/ollama/blob/main/docs/api.md
"""

from hx_gateway.adapter import Bearer, Provider
from hx_gateway.core.call import Operation
from hx_gateway.core.http import HttpRequest
from hx_gateway.dialects import ollama_chat, ollama_embed, ollama_node

PROVIDER = Provider(
    name="ollama",
    aliases=("ollama_chat",),
    base_url="http://localhost:11434",
    auth=Bearer(),
    key_env=("OLLAMA_API_KEY",),
    base_env=("OLLAMA_API_BASE", "OLLAMA_HOST"),
    needs_key=False,
    speaks={
        Operation.CHAT: (ollama_chat.WAY_OUT,),
        Operation.COMPLETE: (ollama_chat.WAY_OUT,),
        Operation.EMBED: (ollama_embed.WAY_OUT,),
    },
    models_path="/api/tags",
    # Never by generating text: that loads the model and can take minutes.
    health=HttpRequest(method="GET", path="/api/version"),
    node=ollama_node.WIRE,
    docs="https://github.com/ollama/ollama/blob/main/docs/api.md",
)
