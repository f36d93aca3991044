"""Strategies: who comes first, over many draws."""

from collections import Counter

import pytest
from tests.support.clock import seeded
from tests.support.deployments import deployment

from hx_gateway.core.route import Deployment
from hx_gateway.core.usage import Price
from hx_gateway.routing.balance import STRATEGIES, order
from hx_gateway.routing.health import Health

A, B, C = deployment("a"), deployment("b"), deployment("c")
NOW = 100.0


def first_choices(
    candidates: list[Deployment], strategy: str, health: Health | None = None
) -> Counter[str]:
    random, health = seeded(), health or Health()
    return Counter(next(order(candidates, strategy, health, random)).id for _ in range(3000))


@pytest.mark.parametrize("strategy", sorted(STRATEGIES))
def test_every_strategy_gives_each_deployment_once(strategy: str) -> None:
    given = [each.id for each in order([A, B, C], strategy, Health(), seeded())]
    assert sorted(given) == ["a", "b", "c"]


def test_shuffle_without_weights_is_even() -> None:
    counts = first_choices([A, B, C], "simple-shuffle")
    assert all(900 < counts[name] < 1100 for name in "abc")


@pytest.mark.parametrize("field", ["weight", "rpm", "tpm"])
def test_shuffle_follows_weights(field: str) -> None:
    pair = [deployment("a", **{field: 9}), deployment("b", **{field: 1})]
    counts = first_choices(pair, "simple-shuffle")
    assert 2550 < counts["a"] < 2850


def test_weight_comes_before_rpm() -> None:
    pair = [deployment("a", weight=1, rpm=1), deployment("b", rpm=1000)]
    assert first_choices(pair, "simple-shuffle") == {"a": 3000}


@pytest.mark.parametrize("strategy", ["least-busy", "adaptive"])
def test_a_busy_deployment_comes_last(strategy: str) -> None:
    health = Health()
    for _ in range(5):
        health.of(A).begin(NOW)
    assert first_choices([A, B], strategy, health) == {"b": 3000}


@pytest.mark.parametrize("strategy", ["latency-based-routing", "adaptive"])
def test_a_slow_deployment_comes_last(strategy: str) -> None:
    health = Health()
    health.of(A).succeeded(NOW, 2.0)
    health.of(B).succeeded(NOW, 0.1)
    assert first_choices([A, B], strategy, health) == {"b": 3000}


def test_the_cheapest_comes_first_and_an_unknown_price_last() -> None:
    trio = [
        A,
        deployment("b", price=Price(input=5)),
        deployment("c", price=Price(input=1, output=1)),
    ]
    assert [each.id for each in order(trio, "cost-based-routing", Health(), seeded())] == [
        "c",
        "b",
        "a",
    ]
