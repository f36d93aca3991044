"""Budgets in LiteLLM's words, and what is said of those that bound nothing."""

from pathlib import Path

import pytest
from tests.support.configs import check

from hx_gateway.config.load import Result
from hx_gateway.core.budget import DEPLOYMENT, PROVIDER, TAG, Budget

MODEL = """
model_list:
  - model_name: m
    litellm_params: {model: openai/gpt-4o, api_key: sk-x%s}
    model_info: {id: d}
  - model_name: "openai/*"
    litellm_params: {model: openai/*, api_key: sk-x}
"""


def loaded(folder: Path, more: str = "", params: str = "") -> Result:
    return check(folder, MODEL % (f", {params}" if params else "") + more)


def budgets(result: Result) -> tuple[Budget, ...]:
    assert result.snapshot is not None, result.problems
    return result.snapshot.budgets


def about(result: Result, word: str) -> list[str]:
    return [line for line in (*result.warnings, *result.unread) if word in line]


@pytest.mark.parametrize(
    "text",
    [
        "{openai: {budget_limit: 0.5, time_period: 1d}}",
        "{openai: {max_budget: 0.5, budget_duration: 1d}}",
    ],
)
def test_a_provider_has_a_budget_in_either_pair_of_words(tmp_path: Path, text: str) -> None:
    found = budgets(loaded(tmp_path, f"router_settings: {{provider_budget_config: {text}}}"))
    assert found == (Budget(kind=PROVIDER, name="openai", limit=500_000_000, period="1d"),)


def test_another_prefix_of_a_provider_means_the_provider(tmp_path: Path) -> None:
    text = "{ollama_chat: {budget_limit: 1, time_period: 30d}}"
    found = budgets(loaded(tmp_path, f"router_settings: {{provider_budget_config: {text}}}"))
    assert [each.name for each in found] == ["ollama"]


def test_a_budget_below_a_nano_dollar_is_used_up_by_the_first_call(tmp_path: Path) -> None:
    """LiteLLM's documentation has 1e-12 dollars: it must let one call through, not none."""
    text = "{openai: {budget_limit: 0.000000000001, time_period: 1d}}"
    found = budgets(loaded(tmp_path, f"router_settings: {{provider_budget_config: {text}}}"))
    assert found[0].limit == 1


def test_a_deployment_and_a_tag_have_budgets(tmp_path: Path) -> None:
    tags = "litellm_settings: {tag_budget_config: {t: {max_budget: 2, budget_duration: 1mo}}}"
    found = budgets(loaded(tmp_path, tags, "max_budget: 1, budget_duration: 30s"))
    assert found == (
        Budget(kind=DEPLOYMENT, name="d", limit=10**9, period="30s"),
        Budget(kind=TAG, name="t", limit=2 * 10**9, period="1mo"),
    )


def test_without_budgets_there_are_none(tmp_path: Path) -> None:
    assert budgets(loaded(tmp_path)) == ()


@pytest.mark.parametrize(
    "text",
    [
        "{openai: {budget_limit: 1}}",
        "{openai: {time_period: 1d}}",
        "{openai: {budget_limit: 1, time_period: soon}}",
        "{openai: {budget_limit: -1, time_period: 1d}}",
        "{openai: 5}",
    ],
)
def test_a_budget_without_sense_is_a_problem(tmp_path: Path, text: str) -> None:
    result = loaded(tmp_path, f"router_settings: {{provider_budget_config: {text}}}")
    assert any("provider_budget_config.openai" in problem for problem in result.problems)


def test_a_budget_for_nobody_and_one_without_a_period_have_no_effect(tmp_path: Path) -> None:
    text = "{nobody: {budget_limit: 1, time_period: 1d}}"
    result = loaded(
        tmp_path, f"router_settings: {{provider_budget_config: {text}}}", "max_budget: 1"
    )
    assert budgets(result) == ()
    assert about(result, "nobody")
    assert about(result, "max_budget: has no effect without budget_duration")


def test_the_strategy_without_a_budget_is_warned_of(tmp_path: Path) -> None:
    routing = "router_settings: {routing_strategy: provider-budget-routing%s}"
    assert about(loaded(tmp_path, routing % ""), "bounds nothing")
    with_budget = ", provider_budget_config: {openai: {budget_limit: 1, time_period: 1d}}"
    assert not about(loaded(tmp_path, routing % with_budget), "bounds nothing")


def test_a_model_without_a_price_is_warned_of(tmp_path: Path) -> None:
    text = """
model_list:
  - model_name: own
    litellm_params: {model: openai/own, api_base: "http://h/v1", max_budget: 1, budget_duration: 1d%s}
"""
    assert about(check(tmp_path, text % ""), "no known price")
    assert not about(check(tmp_path, text % ", input_cost_per_token: 0.000001"), "no known price")
