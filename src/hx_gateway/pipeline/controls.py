"""Fields of a body that speak to the gateway, not to the model: taken out before anything is sent.

Some are LiteLLM's switches; some would let a caller choose where the gateway connects or what it
costs, and are refused (class B of the incidents: CVE-2024-6587 and its kin).
"""

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Raw

from hx_gateway.core.call import Contract
from hx_gateway.core.errors import InvalidRequest
from hx_gateway.core.wire import Fields, bool_field

REFUSED = frozenset(
    {
        "api_base",
        "api_key",
        "api_version",
        "base_url",
        "custom_llm_provider",
        "extra_headers",
        "input_cost_per_token",
        "mock_delay",
        "mock_response",
        "mock_testing_content_policy_fallbacks",
        "mock_testing_context_fallbacks",
        "mock_testing_fallbacks",
        "mock_testing_rate_limit_error",
        "mock_timeout",
        "mock_tool_calls",
        "model_list",
        "output_cost_per_token",
        "user_config",
    }
)
TAKEN = frozenset(
    {
        "additional_drop_params",
        "allowed_model_region",
        "allowed_openai_params",
        "cache",
        "caching",
        "content_policy_fallbacks",
        "context_window_fallbacks",
        "disable_fallbacks",
        "drop_params",
        "fallbacks",
        "guardrails",
        "litellm_call_id",
        "litellm_metadata",
        "litellm_session_id",
        "litellm_trace_id",
        "num_retries",
        "policies",
        "priority",
        "stream_timeout",
        "tags",
        "timeout",
    }
)
_FURTHER = "extra_body"  # what OpenAI's clients unpack themselves, and others send as it is
SPECIAL = REFUSED | TAKEN | {_FURTHER}
_CONTRACT = frozenset({"drop_params", "allowed_openai_params", "additional_drop_params"})
# Bounded, because each may be a path that is looked for in the whole body.
_NAMES = msgspec.json.Decoder(Annotated[list[str], msgspec.Meta(max_length=100)] | None)

_OBJECT = msgspec.json.Decoder(dict[str, Raw] | None)


def take_controls(fields: Fields) -> Mapping[str, Raw]:
    """Remove the gateway's own fields from a body and give them; raises InvalidRequest."""
    if SPECIAL.isdisjoint(fields):
        return {}
    if _FURTHER in fields:
        _unpack(fields)
    for name in fields:
        if name in REFUSED:
            raise InvalidRequest(
                f"'{name}' may not be set by a request; it belongs to the configuration.",
                param=name,
                code="parameter_not_allowed",
            )
    return {name: fields.pop(name) for name in [*fields] if name in TAKEN}


def _unpack(fields: Fields) -> None:
    """Put the fields of `extra_body` among the others, as LiteLLM does; they win."""
    try:
        further = _OBJECT.decode(fields.pop(_FURTHER)) or {}
    except msgspec.ValidationError:
        raise InvalidRequest(f"'{_FURTHER}' must be an object.", param=_FURTHER) from None
    further.pop("model", None)  # it has been named
    fields |= further


def read_contract(controls: Mapping[str, Raw]) -> Contract | None:
    """Read what the caller wants done with parameters a vendor does not take (LiteLLM's fields)."""
    if _CONTRACT.isdisjoint(controls):
        return None
    return Contract(
        rule="drop" if bool_field(controls, "drop_params") else None,
        allowed=_names(controls, "allowed_openai_params"),
        dropped=_names(controls, "additional_drop_params"),
    )


def _names(controls: Mapping[str, Raw], name: str) -> tuple[str, ...]:
    try:
        return tuple(_NAMES.decode(controls.get(name, b"null")) or ())
    except msgspec.ValidationError:
        raise InvalidRequest(f"'{name}' must be a list of at most 100 names.", param=name) from None
