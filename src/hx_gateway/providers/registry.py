"""All vendors by prefix, and which of them a configured model means.

What is found is what lies beside this file: adding a vendor is adding a file. Nothing a request
says can name a module.
"""

import pkgutil
from collections.abc import Iterator, Mapping
from importlib import import_module
from types import MappingProxyType

from hx_gateway import providers
from hx_gateway.core.provider import Provider

_THIS = __name__.rpartition(".")[2]


def _found() -> Iterator[Provider]:
    for module in pkgutil.iter_modules(providers.__path__):
        if module.name != _THIS:
            content = vars(import_module(f"{providers.__name__}.{module.name}"))
            yield from content.get("PROVIDERS", ())
            if "PROVIDER" in content:
                yield content["PROVIDER"]


def _by_prefix() -> dict[str, Provider]:
    table: dict[str, Provider] = {}
    for provider in _found():
        for prefix in (provider.name, *provider.aliases):
            if prefix in table:
                raise AssertionError(f"two providers are called {prefix}")
            table[prefix] = provider
    return table


PROVIDERS: Mapping[str, Provider] = MappingProxyType(_by_prefix())
# How the names of a vendor's models begin, and the prefix that a plain one is given.
VENDOR_NAMES: tuple[tuple[str, str], ...] = tuple(
    (begin, provider.name)
    for prefix, provider in PROVIDERS.items()
    if prefix == provider.name
    for begin in provider.model_names
)


class UnknownProvider(LookupError):
    """A configured model that no prefix, base URL or model name gives a vendor."""


def find_provider(
    model: str, *, named: str | None = None, api_base: str | None = None
) -> tuple[Provider, str]:
    """Split `provider/model`; raises UnknownProvider.

    LiteLLM's rule: an explicit name (`custom_llm_provider`), else the text before the first slash,
    else the vendor that lives at `api_base`, else the vendor whose model names begin like that.
    """
    prefix, slash, rest = model.partition("/")
    if named is not None:
        if named not in PROVIDERS:
            raise UnknownProvider(named)
        return PROVIDERS[named], rest if slash and prefix == named else model
    if slash and prefix in PROVIDERS:
        return PROVIDERS[prefix], rest
    provider = _living_at(api_base) or _naming(model)
    if provider is None:
        raise UnknownProvider(prefix if slash else model)
    return provider, model


def _living_at(api_base: str | None) -> Provider | None:
    if api_base is None:
        return None
    place = api_base.rstrip("/")
    known = (p for p in PROVIDERS.values() if p.base_url and p.base_url.rstrip("/") == place)
    return next(known, None)


def _naming(model: str) -> Provider | None:
    return next((p for p in PROVIDERS.values() if model.startswith(p.model_names)), None)
