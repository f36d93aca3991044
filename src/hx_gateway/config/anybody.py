"""Make of LiteLLM's `model: "*"` (whatever is asked, of whomever) a wildcard for each vendor."""

from collections.abc import Iterable, Iterator

from hx_gateway.config.document import Node
from hx_gateway.config.environment import Environment
from hx_gateway.config.fields import FieldReader
from hx_gateway.providers.registry import PROVIDERS

ANY = "*"


def anybody(entry: Node, params: FieldReader, environment: Environment) -> Iterator[Node]:
    """Give an entry `vendor/*` for each vendor that could be asked with what is configured.

    Those are vendors whose credential stands in the environment; with a credential or an address
    of its own, the entry means all of them. Servers of one's own are left out: they would be
    looked for where nobody said that they are.
    """
    has_place = any(params.node.get(name) is not None for name in ("api_base", "base_url"))
    has_key = has_place or params.node.get("api_key") is not None
    for prefix, provider in PROVIDERS.items():
        if provider.local or provider.node is not None:
            continue
        key = has_key or _is_set(provider.key_env, environment)
        place = has_place or provider.base_url or _is_set(provider.base_env, environment)
        if key and place:
            yield _for(entry, prefix)


def _is_set(names: Iterable[str], environment: Environment) -> bool:
    return any(environment.get(name) is not None for name in names)


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
