"""Anthropic itself.

Docs: https://docs.anthropic.com/en/api
"""

import re
from importlib.resources import files

from hx_gateway.adapter import ApiKeyHeader, Provider
from hx_gateway.core.call import Operation
from hx_gateway.dialects import anthropic_messages
from hx_gateway.dialects.anthropic_messages.thinking import IMITATOR, Traits

_LINES = (files("hx_gateway.providers") / "anthropic_beta.txt").read_bytes().splitlines()
_BETAS = frozenset(line for line in _LINES if line and not line.startswith(b"#"))

# Models that take a budget of thinking; those in between take both, and sampling settings.
_EARLIER = re.compile(
    r"claude-(instant|[23]|[a-z]+-4-[015]\b|[a-z]+-4-20|4-[a-z]+)|claude-[a-z]+-4$"
)
_BETWEEN = re.compile(r"claude-[a-z]+-4-6\b")


def traits_of(model: str) -> Traits:
    """Tell what a model takes; those of others at this format are taken for earlier ones."""
    if not model.startswith("claude-") or _EARLIER.match(model):
        return IMITATOR
    return Traits(is_adaptive=True, samples=_BETWEEN.match(model) is not None)


PROVIDER = Provider(
    name="anthropic",
    base_url="https://api.anthropic.com",
    auth=ApiKeyHeader(b"x-api-key"),
    key_env=("ANTHROPIC_API_KEY",),
    base_env=("ANTHROPIC_API_BASE", "ANTHROPIC_BASE_URL"),
    speaks={Operation.CHAT: (anthropic_messages.MessagesOut(traits_of=traits_of),)},
    models_path="/v1/models",
    model_names=("claude-",),
    headers=((b"anthropic-version", b"2023-06-01"),),
    client_headers={b"anthropic-version": None, b"anthropic-beta": _BETAS},
    docs="https://docs.anthropic.com/en/api",
)
