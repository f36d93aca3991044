"""Which models are sent headers of their clients."""

import pytest
from tests.support.configs import node

from hx_gateway.config.passing import Passing, check_passing, read_passing
from hx_gateway.config.report import Report

MODELS = ["chat", "openai/*"]


def read(text: str, *, everywhere: bool = False) -> tuple[Passing, Report]:
    report, root = Report(), node(text)
    passing = read_passing(root, report, everywhere=everywhere)
    check_passing(passing, MODELS, root, report)
    return passing, report


def settings(names: str) -> str:
    return f"litellm_settings: {{model_group_settings: {{forward_client_headers_to_llm_api: {names}}}}}"


@pytest.mark.parametrize(
    ("names", "chosen"),
    [("[chat]", ["chat"]), ("['openai/*']", ["openai/*"]), ("['*']", MODELS), ("[]", [])],
)
def test_models_are_named_or_meant_by_a_pattern(names: str, chosen: list[str]) -> None:
    passing, report = read(settings(names))
    assert [model for model in MODELS if passing.applies(model)] == chosen
    assert report.unread == report.problems == []


def test_the_setting_for_all_needs_no_names() -> None:
    passing, _ = read("model_list: []", everywhere=True)
    assert all(passing.applies(model) for model in MODELS)
    assert not any(read("model_list: []")[0].applies(model) for model in MODELS)


def test_a_name_that_fits_no_model_and_an_unknown_key_are_reported_by_path() -> None:
    _, report = read(settings("[chat, chatt]"))
    assert "litellm_settings.model_group_settings.forward_client_headers" in report.unread[0]
    assert "'chatt' is no model" in report.unread[0]
    _, report = read("litellm_settings: {model_group_settings: {forward_headers: [chat]}}")
    assert "litellm_settings.model_group_settings.forward_headers" in report.unread[0]


def test_what_is_no_mapping_is_a_problem() -> None:
    _, report = read("litellm_settings: {model_group_settings: [chat]}")
    assert "must be a mapping" in report.problems[0]
