"""Strategies: who comes first, over many draws."""

from collections import Counter
from typing import Any

import pytest
from tests.support.clock import seeded
from tests.support.deployments import deployment

from hx_gateway.config.routing_options import STRATEGIES
from hx_gateway.core.errors import TimedOut
from hx_gateway.core.route import Deployment
from hx_gateway.core.usage import Price
from hx_gateway.routing.balance import Moment, pick, strategies
from hx_gateway.routing.health import Health
from hx_gateway.routing.meter import Meter

A, B, C = deployment("a"), deployment("b"), deployment("c")
NOW = 100.0


def first_choices(
    candidates: list[Deployment],
    strategy: str,
    health: Health | None = None,
    *,
    args: dict[str, float] | None = None,
    **moment: Any,
) -> Counter[str]:
    choose = strategies(args or {})[strategy]
    at = Moment(health or Health(), seeded(), NOW, **moment)
    return Counter(pick(candidates, choose, at).id for _ in range(3000))


@pytest.mark.parametrize("strategy", sorted(strategies({})))
def test_every_strategy_chooses_one_of_the_candidates(strategy: str) -> None:
    assert set(first_choices([A, B, C], strategy)) <= {"a", "b", "c"}
    assert first_choices([B], strategy) == {"b": 3000}


def test_the_names_are_those_that_the_configuration_takes() -> None:
    assert set(strategies({})) == set(STRATEGIES)


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
    b, c = deployment("b", price=Price(input=5)), deployment("c", price=Price(input=1, output=1))
    assert first_choices([A, b, c], "cost-based-routing") == {"c": 3000}
    assert first_choices([A, b], "cost-based-routing") == {"b": 3000}


def test_latency_is_compared_by_output_token_and_not_by_length_of_answer() -> None:
    health = Health()
    health.of(A).succeeded(NOW, 2.0, tokens=1000)
    health.of(B).succeeded(NOW, 0.5, tokens=10)
    assert first_choices([A, B], "latency-based-routing", health) == {"a": 3000}


def test_the_latency_of_streams_is_that_of_their_first_event() -> None:
    health = Health()
    health.of(A).succeeded(NOW, 0.1, tokens=10)
    health.of(B).succeeded(NOW, 0.9, tokens=10)
    health.of(A).succeeded(NOW, 0.9, stream=True)
    health.of(B).succeeded(NOW, 0.1, stream=True)
    assert first_choices([A, B], "latency-based-routing", health) == {"a": 3000}
    assert first_choices([A, B], "latency-based-routing", health, stream=True) == {"b": 3000}


@pytest.mark.parametrize(
    ("args", "chosen"),
    [
        ({}, {"a"}),
        ({"lowest_latency_buffer": 0.5}, {"a", "b"}),
        ({"max_latency_list_size": 1}, {"b"}),
        ({"ttl": 50}, {"b"}),
    ],
)
def test_the_arguments_of_the_latency_strategy(args: dict[str, float], chosen: set[str]) -> None:
    health = Health()
    for at, seconds in ((NOW - 80, 0.1), (NOW - 70, 0.1), (NOW, 1.4)):
        health.of(A).succeeded(at, seconds)  # the mean is 0.53
    health.of(B).succeeded(NOW, 0.6)
    assert set(first_choices([A, B], "latency-based-routing", health, args=args)) == chosen


def test_a_time_out_counts_as_very_slow() -> None:
    health = Health()
    for each in (A, B):
        health.of(each).succeeded(NOW, 0.5 if each is A else 5.0)
    health.failed(A, NOW, TimedOut("slow"), alone=False)
    assert first_choices([A, B], "latency-based-routing", health) == {"b": 3000}


@pytest.mark.parametrize("strategy", ["usage-based-routing", "usage-based-routing-v2"])
def test_the_least_used_of_this_minute_comes_first(strategy: str) -> None:
    meter = Meter()
    meter.watch([A, B, C])
    for name, tokens in (("a", 50), ("b", 10), ("c", 30)):
        meter.saw(name, NOW, tokens=tokens)
    assert first_choices([A, B, C], strategy, meter=meter) == {"b": 3000}
    meter.saw("b", NOW, tokens=90)
    assert first_choices([A, B, C], strategy, meter=meter) == {"c": 3000}


def test_the_adaptive_strategy_spreads_over_equals_and_avoids_the_slow() -> None:
    health = Health()
    for name, seconds in (("a", 0.1), ("b", 0.1), ("c", 3.0)):
        health.of(deployment(name)).succeeded(NOW, seconds)
    counts = first_choices([A, B, C], "adaptive", health)
    assert counts["c"] == 0
    assert min(counts["a"], counts["b"]) > 900
