"""Policies by kind of fault, as LiteLLM writes them."""

import pytest
from tests.support.configs import node

from hx_gateway.config.fields import FieldReader
from hx_gateway.config.policies import RetryPolicies, read_allowance
from hx_gateway.config.report import Report

BOTH = """
router_settings:
  retry_policy: {TimeoutErrorRetries: 3}
  model_group_retry_policy: {m: {BadRequestErrorRetries: 1}}
"""


@pytest.mark.parametrize(
    ("text", "group", "retries"),
    [
        ("{}", "m", {}),
        ("router_settings: {retry_policy: {TimeoutErrorRetries: 3}}", "m", {"Timeout": 3}),
        (
            "router_settings: {retry_policy: {DefaultRetries: 1, RateLimitErrorRetries: 0}}",
            "m",
            {"Default": 1, "RateLimit": 0},
        ),
        (BOTH, "m", {"BadRequest": 1}),
        (BOTH, "other", {"Timeout": 3}),
    ],
)
def test_a_groups_own_policy_takes_the_place_of_the_general_one(
    text: str, group: str, retries: dict[str, int]
) -> None:
    report = Report()
    assert RetryPolicies(node(text), report).of(group) == retries
    assert report.problems == report.unread == []


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("{}", {"Default": 7}),  # what it inherits
        ("allowed_fails: 2", {"Default": 2}),
        ("allowed_fails: 0", {"Default": 0}),
        ("allowed_fails_policy: {TimeoutErrorAllowedFails: 9}", {"Default": 7, "Timeout": 9}),
        (
            "{allowed_fails: 1, allowed_fails_policy: {RateLimitErrorAllowedFails: 0}}",
            {"Default": 1, "RateLimit": 0},
        ),
    ],
)
def test_allowed_fails_are_read_by_kind(text: str, allowed: dict[str, int]) -> None:
    reader = FieldReader(node(text), "model_info", Report())
    assert read_allowance(reader, Report(), {"Default": 7}) == allowed


def test_a_policy_alone_allows_three_of_what_it_does_not_name() -> None:
    reader = FieldReader(
        node("allowed_fails_policy: {TimeoutErrorAllowedFails: 9}"), "router_settings", Report()
    )
    assert read_allowance(reader, Report()) == {"Default": 3, "Timeout": 9}


@pytest.mark.parametrize(
    ("text", "problems", "unread"),
    [
        ("router_settings: {retry_policy: 3}", 1, 0),
        ("router_settings: {retry_policy: {TimeoutErrorRetries: many}}", 1, 0),
        ("router_settings: {retry_policy: {TimeoutErrorRetries: -1}}", 1, 0),
        ("router_settings: {retry_policy: {TimeoutRetries: 3}}", 0, 1),
        ("router_settings: {model_group_retry_policy: {m: {Nonsense: 3}}}", 0, 1),
    ],
)
def test_what_cannot_be_read_is_told(text: str, problems: int, unread: int) -> None:
    report = Report()
    RetryPolicies(node(text), report)
    assert (len(report.problems), len(report.unread)) == (problems, unread)
