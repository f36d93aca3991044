"""What each client must be told to use the gateway. Pure; facts are the clients' own pages."""

import shlex
from collections.abc import Callable, Mapping
from types import MappingProxyType

import msgspec

from hx_gateway.core.route import Deployment, Route


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """The gateway as a client is to see it: `url` without `/v1`.

    `window` is how many tokens the model reads, if that is known; agents make room in time by it.
    """

    url: str
    key: str
    model: str
    window: int | None = None


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What to set: environment variables, and a file's content if the client has one.

    `text` is all of it as one types it.
    """

    client: str
    environment: dict[str, str]
    file: str | None = None
    content: str | None = None
    text: str


def window_of(route: Route | None) -> int | None:
    """Find what a model reads at least; None unless it is known of each of its deployments."""
    windows = () if route is None else tuple(map(_reads, route.deployments))
    known = [window for window in windows if window is not None]
    return min(known) if known and len(known) == len(windows) else None


def _reads(deployment: Deployment) -> int | None:
    """Tell how much one reads: a server of one's own is told, whatever its model could."""
    node = deployment.provider.node
    told = None if node is None else node.wanted_context(deployment.defaults)
    return deployment.max_input_tokens if told is None else told


def connect(client: str, given: Connection) -> Settings:
    """Make the settings of one client."""
    return CLIENTS[client](given)


def _claude_code(given: Connection) -> Settings:
    """It asks `/v1/messages`, adds `/v1` itself, and shows a key of ours as a bearer token.

    A small and a large model are asked for by role, so each role needs a model of the gateway. One
    that it does not know by name is taken to read a million tokens, unless it is told.
    https://code.claude.com/docs/en/llm-gateway and model-config
    """
    environment = {
        "ANTHROPIC_BASE_URL": given.url,
        "ANTHROPIC_AUTH_TOKEN": given.key,
        "ANTHROPIC_MODEL": given.model,
        "ANTHROPIC_DEFAULT_OPUS_MODEL": given.model,
        "ANTHROPIC_DEFAULT_SONNET_MODEL": given.model,
        "ANTHROPIC_DEFAULT_HAIKU_MODEL": given.model,
    }
    if given.window is not None:
        environment["CLAUDE_CODE_MAX_CONTEXT_TOKENS"] = str(given.window)
    lines = [
        "# Where `claude` is started. ANTHROPIC_API_KEY would win over the token, so take it out.",
        "unset ANTHROPIC_API_KEY",
        *_exports(environment),
    ]
    return _settings("claude-code", environment, lines)


def _codex(given: Connection) -> Settings:
    """It speaks Responses only, and takes the key from a variable that the file names.

    https://developers.openai.com/codex/config-reference
    """
    environment = {"HX_GATEWAY_API_KEY": given.key}
    file = "~/.codex/config.toml"
    window = () if given.window is None else (f"model_context_window = {given.window}",)
    content = "\n".join(
        (
            f"model = {_toml(given.model)}",
            'model_provider = "hx-gateway"',
            *window,
            "",
            "[model_providers.hx-gateway]",
            'name = "HX Gateway"',
            f"base_url = {_toml(f'{given.url}/v1')}",
            'env_key = "HX_GATEWAY_API_KEY"',
            'wire_api = "responses"',
            "",
        )
    )
    lines = [f"# {file}", content, "# Where `codex` is started:", *_exports(environment)]
    return _settings("codex", environment, lines, file=file, content=content)


def _open_webui(given: Connection) -> Settings:
    """Its own settings page wins once it has been saved, unless it is told to forget that.

    https://docs.openwebui.com/reference/env-configuration
    """
    environment = {
        "ENABLE_OPENAI_API": "true",
        "OPENAI_API_BASE_URL": f"{given.url}/v1",
        "OPENAI_API_KEY": given.key,
        "DEFAULT_MODELS": given.model,
    }
    lines = [
        "# The environment of Open WebUI (docker run -e ..., or its service). For several",
        "# gateways: OPENAI_API_BASE_URLS and OPENAI_API_KEYS, separated by semicolons.",
        *(f"{name}={shlex.quote(value)}" for name, value in environment.items()),
    ]
    return _settings("open-webui", environment, lines)


CLIENTS: Mapping[str, Callable[[Connection], Settings]] = MappingProxyType(
    {"claude-code": _claude_code, "codex": _codex, "open-webui": _open_webui}
)


def _settings(
    client: str,
    environment: dict[str, str],
    lines: list[str],
    *,
    file: str | None = None,
    content: str | None = None,
) -> Settings:
    return Settings(
        client=client,
        environment=environment,
        file=file,
        content=content,
        text="\n".join(lines),
    )


def _exports(environment: Mapping[str, str]) -> list[str]:
    return [f"export {name}={shlex.quote(value)}" for name, value in environment.items()]


def _toml(text: str) -> str:
    """Write a basic string; JSON's escapes are TOML's, too."""
    return msgspec.json.encode(text).decode()
