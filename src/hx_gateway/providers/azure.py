"""Azure OpenAI: OpenAI's formats under deployment names, with a version in the query.

Docs: https://learn.microsoft.com/azure/ai-services/openai/reference
"""

from urllib.parse import quote

import msgspec

from hx_gateway.adapter import ApiKeyHeader, Bearer, Provider
from hx_gateway.core.call import Operation
from hx_gateway.core.http import Header
from hx_gateway.core.provider import Place
from hx_gateway.core.secret import Secret
from hx_gateway.dialects import openai_completions, openai_embeddings, openai_responses
from hx_gateway.dialects.openai_chat import ChatOut
from hx_gateway.dialects.openai_media import some

# What LiteLLM asks for when nobody says: the last dated version that has every route below.
_VERSION = "2025-02-01-preview"
_DEPLOYMENTS = "/openai/deployments/"
_UNVERSIONED = "/openai/v1"  # the newer address, where a model's name is in the body only
_NEWEST = frozenset({"v1", "latest", "preview"})


class EntraOrKey(msgspec.Struct, frozen=True):
    """A resource's key in `api-key`, or a token of Entra ID (a JWT) as a bearer."""

    def headers(self, credential: Secret | None) -> tuple[Header, ...]:
        """Give the header; none without a credential."""
        is_token = bool(credential) and credential is not None and _is_jwt(credential.reveal())
        return (Bearer() if is_token else ApiKeyHeader(b"api-key")).headers(credential)


def _is_jwt(text: str) -> bool:
    return text.startswith("ey") and text.count(".") == 2


def _locate(place: Place) -> str:
    """Put the deployment into the path and the version into the query.

    The base URL may be the resource, the newer address, or one deployment's own.
    """
    base, version = place.base, place.version or _VERSION
    if base.endswith(_UNVERSIONED) or version in _NEWEST:
        asked = f"?api-version={version}" if version in _NEWEST - {"v1"} else ""
        return f"{base.removesuffix(_UNVERSIONED)}{_UNVERSIONED}{place.path}{asked}"
    query = f"?api-version={quote(version, safe='')}"
    if _DEPLOYMENTS in base:
        return f"{base.removesuffix(place.path)}{place.path}{query}"
    base = base.removesuffix("/openai")
    if place.path == openai_responses.WAY_OUT.path:
        return f"{base}/openai{place.path}{query}"
    return f"{base}{_DEPLOYMENTS}{quote(place.model, safe='')}{place.path}{query}"


PROVIDER = Provider(
    name="azure",
    aliases=("azure_text",),
    base_url=None,
    auth=EntraOrKey(),
    key_env=("AZURE_API_KEY", "AZURE_OPENAI_API_KEY", "AZURE_AD_TOKEN"),
    base_env=("AZURE_API_BASE", "AZURE_OPENAI_ENDPOINT"),
    key_params=("azure_ad_token",),
    version_env=("AZURE_API_VERSION",),
    speaks={
        # Reasoning models refuse `max_tokens`; all others take both names.
        Operation.CHAT: (
            ChatOut(
                max_tokens_field="max_completion_tokens",
                lacks=frozenset({"top_k"}),
                foreign=frozenset(),
            ),
            openai_responses.WAY_OUT,
        ),
        Operation.COMPLETE: (openai_completions.WAY_OUT,),
        Operation.EMBED: (openai_embeddings.WAY_OUT,),
        **some(
            Operation.IMAGE,
            Operation.IMAGE_EDIT,
            Operation.SPEECH,
            Operation.TRANSCRIBE,
            Operation.TRANSLATE_AUDIO,
        ),
    },
    locate=_locate,
    models_path=None,  # its list is of the region's models, not of what is deployed
    # Not every deployment answers Responses; `mode: responses` says which do.
    at_home=frozenset({"openai_responses"}),
    docs="https://learn.microsoft.com/azure/ai-services/openai/reference",
)
