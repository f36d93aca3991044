"""The settings of each client are what it reads."""

import shlex
import tomllib

import msgspec
import pytest
from tests.support.golden import deployment_of

from hx_gateway.app.connect import CLIENTS, Connection, connect, window_of
from hx_gateway.core.route import Route
from hx_gateway.providers.registry import PROVIDERS

GIVEN = Connection(url="http://gw.test:4000", key="sk-key", model='odd "model"')


def exported(text: str) -> dict[str, str]:
    lines = [line.removeprefix("export ") for line in text.splitlines()]
    words = [shlex.split(line) for line in lines if "=" in line.partition("#")[0].split(" ")[0]]
    return dict(word[0].split("=", 1) for word in words)


@pytest.mark.parametrize("client", sorted(CLIENTS))
def test_what_is_printed_is_what_is_meant(client: str) -> None:
    settings = connect(client, GIVEN)
    assert settings.client == client
    assert exported(settings.text).items() >= settings.environment.items()


def test_claude_code_adds_v1_itself() -> None:
    environment = connect("claude-code", GIVEN).environment
    assert environment["ANTHROPIC_BASE_URL"] == "http://gw.test:4000"
    assert environment["ANTHROPIC_AUTH_TOKEN"] == "sk-key"
    assert {environment[name] for name in environment if name.endswith("MODEL")} == {GIVEN.model}


def test_codex_reads_a_toml_file_that_holds_no_key() -> None:
    settings = connect("codex", GIVEN)
    assert settings.content is not None
    assert "sk-key" not in settings.content
    read = tomllib.loads(settings.content)
    provider = read["model_providers"][read["model_provider"]]
    assert read["model"] == GIVEN.model
    assert provider["base_url"] == "http://gw.test:4000/v1"
    assert provider["wire_api"] == "responses"
    assert settings.environment == {provider["env_key"]: "sk-key"}


def test_agents_are_told_what_the_model_reads_if_that_is_known() -> None:
    """Symptom: Claude Code took a model of 32k tokens for one of a million, and met its end."""
    known = msgspec.structs.replace(GIVEN, window=32_768)
    environment = connect("claude-code", known).environment
    assert environment["CLAUDE_CODE_MAX_CONTEXT_TOKENS"] == "32768"
    assert "CLAUDE_CODE_MAX_CONTEXT_TOKENS" not in connect("claude-code", GIVEN).environment
    for given, window in ((known, 32_768), (GIVEN, None)):
        content = connect("codex", given).content
        assert content is not None
        assert tomllib.loads(content).get("model_context_window") == window


@pytest.mark.parametrize(
    ("windows", "window"),
    [((), None), ((None,), None), ((8192,), 8192), ((8192, 4096), 4096), ((8192, None), None)],
)
def test_a_model_reads_what_each_of_its_deployments_does(
    windows: tuple[int | None, ...], window: int | None
) -> None:
    deployments = tuple(
        deployment_of(PROVIDERS["openai"], max_input_tokens=each) for each in windows
    )
    assert window_of(Route(name="m", deployments=deployments)) == window
    assert window_of(None) is None


@pytest.mark.parametrize(("num_ctx", "window"), [(b"16384", 16_384), (b'"x"', 131_072)])
def test_a_server_of_ones_own_reads_what_it_is_told_to(num_ctx: bytes, window: int) -> None:
    defaults = {"num_ctx": msgspec.Raw(num_ctx)}
    deployment = deployment_of(PROVIDERS["ollama"], max_input_tokens=131_072, defaults=defaults)
    assert window_of(Route(name="m", deployments=(deployment,))) == window


def test_open_webui_has_the_base_with_v1() -> None:
    environment = connect("open-webui", GIVEN).environment
    assert environment["OPENAI_API_BASE_URL"] == "http://gw.test:4000/v1"
