"""Strategies of single models."""

from tests.support.configs import node

from hx_gateway.config.report import Report
from hx_gateway.config.strategies import read_strategies


def read(groups: str) -> tuple[dict[str, str], Report]:
    report = Report()
    return dict(
        read_strategies(node(f"router_settings: {{routing_groups: {groups}}}"), report)
    ), report


def test_models_of_a_group_have_its_strategy_and_the_first_group_wins() -> None:
    found, report = read(
        "[{group_name: g, models: [a, b], routing_strategy: least-busy},"
        " {group_name: h, models: [b, c], routing_strategy: cost-based-routing}]"
    )
    assert found == {"a": "least-busy", "b": "least-busy", "c": "cost-based-routing"}
    assert report.warnings == report.unread == []


def test_a_strategy_that_is_not_there_has_no_effect_and_is_named() -> None:
    found, report = read("[{group_name: g, models: [a], routing_strategy: priority}]")
    assert found == {}
    assert "router_settings.routing_groups[0].routing_strategy" in report.unread[0]


def test_numbers_of_a_group_are_warned_of() -> None:
    group = (
        "{models: [a], routing_strategy: latency-based-routing, routing_strategy_args: {ttl: 1}}"
    )
    assert "routing_strategy_args: has no effect" in read(f"[{group}]")[1].warnings[0]


def test_without_groups_there_is_nothing_to_read() -> None:
    assert read_strategies(node("{}"), Report()) == {}
