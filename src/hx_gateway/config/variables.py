"""LiteLLM's environment variables: settings of a file by other means, and those without an effect.

Those that have a place among our own settings stand with them (`options`); what only tunes
LiteLLM's own machinery (its salt, its migrations, its caches) is left in peace.
"""

from collections.abc import Callable
from typing import TypeVar

from hx_gateway.config.environment import Environment
from hx_gateway.config.report import Report
from hx_gateway.config.scalar import read_bool, read_float

T = TypeVar("T")
_GENERAL = "known to LiteLLM, but not supported yet: it has no effect"
_ON = frozenset({"true", "yes", "on", "1"})
_OFF = frozenset({"false", "no", "off", "0"})
_UNSUPPORTED = (
    # Where things are
    "LITELLM_CONFIG_BUCKET_NAME",
    "SERVER_ROOT_PATH",
    "DATABASE_URL_READ_REPLICA",
    "DATABASE_HOST_READ_REPLICA",
    # How one gets in, here or there
    "IAM_TOKEN_DB_AUTH",
    "AZURE_POSTGRESQL_AUTH",
    "REDIS_GCP_SERVICE_ACCOUNT",
    "REDIS_AZURE_AD_TOKEN",
    "REDIS_AWS_IAM_AUTH",
    "USE_AWS_KMS",
    "SSL_VERIFY",
    "DISABLE_ADMIN_ENDPOINTS",
    "DISABLE_LLM_API_ENDPOINTS",
    "GENERIC_CLIENT_ID",
    "GOOGLE_CLIENT_ID",
    "MICROSOFT_CLIENT_ID",
    "UI_USERNAME",
    "UI_PASSWORD",
    # What is done on the way
    "LITELLM_ENABLE_ANTHROPIC_PROMPT_CACHING",
    "LITELLM_KEY_ROTATION_ENABLED",
    "LITELLM_ROUTE_ALL_CHAT_OPENAI_TO_RESPONSES",
    "LITELLM_STORE_AUDIT_LOGS",
    "STORE_PROMPTS_IN_SPEND_LOGS",
)
_OTHERWISE = {
    "STORE_MODEL_IN_DB": "models are read from the file only, not from LiteLLM's database",
    "NUM_WORKERS": "has no effect; start with --workers",
}


def warn_of_variables(environment: Environment, report: Report) -> None:
    """Name what is set for LiteLLM and has no effect here, unless it asks for what we do."""
    for name, text in {**dict.fromkeys(_UNSUPPORTED, _GENERAL), **_OTHERWISE}.items():
        variable = environment.get(name)
        as_we_do = _ON if name == "SSL_VERIFY" else _OFF
        if variable is not None and variable.value.strip().lower() not in as_we_do:
            report.warning(variable.place, name, text)


def flag(name: str, environment: Environment, report: Report) -> bool:
    """Read a boolean; False when it is not set, or wrong, which is a problem."""
    return bool(_read(name, read_bool, environment, report))


def seconds(name: str, environment: Environment, report: Report) -> float | None:
    """Read a time; None when it is not set, or not more than 0, as with LiteLLM."""
    found = _read(name, read_float, environment, report)
    return found if found is not None and found > 0 else None


def _read(
    name: str, read: Callable[[object], T], environment: Environment, report: Report
) -> T | None:
    variable = environment.get(name)
    if variable is None:
        return None
    try:
        return read(variable.value)
    except ValueError as error:
        report.problem(variable.place, name, f"{error}; correct or remove it")
        return None
