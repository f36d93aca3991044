"""The settings of each client are what it reads."""

import shlex
import tomllib

import pytest

from hx_gateway.app.connect import CLIENTS, Connection, connect

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


def test_open_webui_has_the_base_with_v1() -> None:
    environment = connect("open-webui", GIVEN).environment
    assert environment["OPENAI_API_BASE_URL"] == "http://gw.test:4000/v1"
