"""Anthropic itself.

Docs: https://docs.anthropic.com/en/api
"""

from importlib.resources import files

from hx_gateway.adapter import ApiKeyHeader, Provider
from hx_gateway.core.call import Operation
from hx_gateway.dialects import anthropic_messages

_LINES = (files("hx_gateway.providers") / "anthropic_beta.txt").read_bytes().splitlines()
_BETAS = [line.split() for line in _LINES if line and not line.startswith(b"#")]

PROVIDER = Provider(
    name="anthropic",
    base_url="https://api.anthropic.com",
    auth=ApiKeyHeader(b"x-api-key"),
    key_env=("ANTHROPIC_API_KEY",),
    base_env=("ANTHROPIC_API_BASE", "ANTHROPIC_BASE_URL"),
    speaks={Operation.CHAT: (anthropic_messages.WAY_OUT,)},
    models_path="/v1/models",
    model_names=("claude-",),
    headers=((b"anthropic-version", b"2023-06-01"),),
    client_headers={
        b"anthropic-version": None,
        b"anthropic-beta": frozenset(words[0] for words in _BETAS),
    },
    headers_away={
        b"anthropic-beta": frozenset(words[0] for words in _BETAS if b"everywhere" in words[1:]),
    },
    docs="https://docs.anthropic.com/en/api",
)
