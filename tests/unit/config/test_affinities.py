"""Affinities in LiteLLM's words, and what is said of checks that do nothing here."""

import pytest
from tests.support.configs import node

from hx_gateway.config.affinities import read_affinities
from hx_gateway.config.report import Report


def read(text: str) -> tuple[dict[str, tuple[str, ...]], Report]:
    report = Report()
    return dict(read_affinities(node(f"router_settings: {{{text}}}"), report)), report


@pytest.mark.parametrize(
    "check",
    [
        "session_affinity",
        "deployment_affinity",
        "prompt_caching",
        "enforce_model_rate_limits",
        "router_budget_limiting",
        "responses_api_deployment_check",
        "forward_client_headers_by_model_group",
    ],
)
def test_checks_that_work_or_are_not_needed_are_not_warned_of(check: str) -> None:
    _, report = read(f"optional_pre_call_checks: [{check}]")
    assert report.warnings == report.unread == report.problems == []


@pytest.mark.parametrize("check", ["encrypted_content_affinity"])
def test_checks_of_litellm_that_are_missing_are_warned_of_by_path(check: str) -> None:
    _, report = read(f"optional_pre_call_checks: [session_affinity, {check}]")
    assert len(report.warnings) == 1
    assert "router_settings.optional_pre_call_checks" in report.warnings[0]
    assert check in report.warnings[0]


def test_a_misspelt_check_has_no_effect_and_is_named() -> None:
    _, report = read("optional_pre_call_checks: [sesion_affinity]")
    assert "'sesion_affinity' is no check" in report.unread[0]


def test_model_groups_have_affinities_of_their_own() -> None:
    found, report = read(
        "model_group_affinity_config: {chat: [session_affinity], none: [], x: [y]}"
    )
    assert found == {"chat": ("session_affinity",), "none": (), "x": ("y",)}
    assert "router_settings.model_group_affinity_config.x" in report.unread[0]


def test_without_any_there_is_nothing_to_read() -> None:
    found, report = read("")
    assert (found, report.warnings, report.unread) == ({}, [], [])
