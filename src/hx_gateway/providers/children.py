"""The child processes of this machine: real small models, and a scripted one for demonstrations.

They speak OpenAI's format over Unix sockets and need no key: nobody else can open the sockets.
"""

from hx_gateway.adapter import NoAuth, Provider
from hx_gateway.core.call import Operation
from hx_gateway.core.provider import WayOut
from hx_gateway.dialects import openai_chat, openai_embeddings

_SPEAKS: dict[Operation, tuple[WayOut, ...]] = {
    Operation.CHAT: (openai_chat.WAY_OUT,),
    Operation.COMPLETE: (openai_chat.WAY_OUT,),
    Operation.EMBED: (openai_embeddings.WAY_OUT,),
}

PROVIDERS = tuple(
    Provider(
        name=name,
        base_url=None,
        auth=NoAuth(),
        needs_key=False,
        speaks=_SPEAKS,
        local=True,
    )
    for name in ("local", "demo")
)
