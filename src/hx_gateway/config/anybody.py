"""Make of LiteLLM's `model: "*"` (whatever is asked, of whomever) a wildcard for each vendor."""

from collections.abc import Iterator

from hx_gateway.config.document import Node
from hx_gateway.config.environment import Environment
from hx_gateway.config.fields import FieldReader
from hx_gateway.core.provider import Provider
from hx_gateway.providers.registry import PROVIDERS

ANY = "*"


def anybody(entry: Node, params: FieldReader, environment: Environment) -> Iterator[Node]:
    """Give an entry `vendor/*` for each vendor that could be asked with what is configured.

    Those are vendors whose credential stands in the environment; with a credential or an address
    of its own, the entry means all of them. Servers of one's own are left out: they would be
    looked for where nobody said that they are.
    """
    own = ("api_key", "api_base", "base_url")
    has_own = any(params.node.get(name) is not None for name in own)
    for prefix, provider in PROVIDERS.items():
        if provider.local or provider.node is not None:
            continue
        if has_own or _is_ready(provider, environment):
            yield _for(entry, prefix)


def _is_ready(provider: Provider, environment: Environment) -> bool:
    has_key = any(environment.get(name) is not None for name in provider.key_env)
    has_place = provider.base_url or any(environment.get(name) for name in provider.base_env)
    return bool(has_key and has_place)


def _for(entry: Node, prefix: str) -> Node:
    name = entry.get("model_name") or entry
    wildcard = f"{prefix}/{ANY}"
    changed = {
        "model_name": Node(str(name.value).replace(ANY, wildcard, 1), name.place),
        "litellm_params": _with(entry.get("litellm_params") or entry, "model", wildcard),
    }
    info = entry.get("model_info")
    id_ = info.get("id") if info is not None else None
    if info is not None and id_ is not None:
        changed["model_info"] = _with(info, "id", f"{id_.value}-{prefix}")
    return Node({**dict(entry.members()), **changed}, entry.place)


def _with(mapping: Node, key: str, text: str) -> Node:
    return Node({**dict(mapping.members()), key: Node(text, mapping.place)}, mapping.place)
