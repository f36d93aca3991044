"""Tell which models will be left out, before anybody asks for the values of their variables.

Whoever comes from LiteLLM has models of vendors that are not supported yet. Their credentials need
not be set: nobody would use them.
"""

from hx_gateway.config.document import Node
from hx_gateway.config.placeholder import PREFIX
from hx_gateway.providers.registry import UnknownProvider, find_provider

_TELLING = ("model", "custom_llm_provider", "api_base")
ANY = "*"  # as a model: whatever is asked, of whomever


def left_out(root: Node) -> frozenset[str]:
    """Give the paths of the parameters of all models whose provider is not known."""
    models = root.get("model_list")
    if models is None or root.find("router_settings.default_litellm_params") is not None:
        return frozenset()  # defaults may name a provider
    return frozenset(
        f"model_list[{index}].litellm_params"
        for index, entry in enumerate(models.items())
        if (params := entry.get("litellm_params")) is not None and _is_unknown(params)
    )


def _is_unknown(params: Node) -> bool:
    """Whether no provider is found; False where a variable or a credential may yet name one."""
    if params.get("litellm_credential_name") is not None:
        return False
    told = {name: node.value for name in _TELLING if (node := params.get(name)) is not None}
    texts = {name: value for name, value in told.items() if isinstance(value, str)}
    if texts != told or texts.get("model", ANY) == ANY or PREFIX in "".join(texts.values()):
        return False
    try:
        find_provider(
            texts["model"], named=texts.get("custom_llm_provider"), api_base=texts.get("api_base")
        )
    except UnknownProvider:
        return True
    return False
