"""What several processes counted is read as one."""

import pytest

from hx_gateway import __version__
from hx_gateway.usage.metrics import Metrics
from hx_gateway.usage.node_metrics import NodeMetrics
from hx_gateway.usage.reading import read
from hx_gateway.usage.total import ADDED, LEAST, MOST, Family, Sample, counts, total

ONE = (("model", "a"),)
OTHER = (("model", "b"),)


def family(name: str, kind: str, *samples: Sample) -> Family:
    return Family(name, kind, "help", list(samples))


def values(families: list[Family]) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {(s.name, s.labels): s.value for family in families for s in family.samples}


def test_counts_are_added_series_by_series() -> None:
    first = family("calls", "counter", Sample("calls_total", ONE, 3), Sample("calls_total", (), 1))
    second = family(
        "calls", "counter", Sample("calls_total", ONE, 4), Sample("calls_total", OTHER, 5)
    )
    found = values(total([[first], [second]]))
    assert found == {("calls_total", ONE): 7, ("calls_total", ()): 1, ("calls_total", OTHER): 5}


def test_a_histogram_is_added_bucket_by_bucket() -> None:
    low, high = (("le", "1.0"),), (("le", "+Inf"),)

    def waits(below: int, all_: int, since: float) -> Family:
        return family(
            "waits",
            "histogram",
            Sample("waits_bucket", low, below),
            Sample("waits_bucket", high, all_),
            Sample("waits_count", (), all_),
            Sample("waits_created", (), since),
        )

    found = values(total([[waits(1, 2, 50.0)], [waits(3, 5, 40.0)]]))
    assert found == {
        ("waits_bucket", low): 4,
        ("waits_bucket", high): 7,
        ("waits_count", ()): 7,
        ("waits_created", ()): 40.0,
    }


@pytest.mark.parametrize(
    ("name", "expected"),
    [("litellm_in_flight_requests", 5), ("hx_dependency_up", 1), ("litellm_deployment_state", 4)],
)
def test_a_gauge_is_added_or_the_least_or_the_most(name: str, expected: int) -> None:
    parts = [[family(name, "gauge", Sample(name, ONE, n))] for n in (4, 1)]
    assert values(total(parts)) == {(name, ONE): expected}


def test_what_was_counted_outlives_a_process_and_how_it_was_does_not() -> None:
    found = counts([family("a", "counter"), family("b", "gauge"), family("c", "histogram")])
    assert [each.name for each in found] == ["a", "c"]


def test_it_is_decided_for_every_gauge_how_several_become_one() -> None:
    """A new gauge must be put into one of the three lists."""
    metrics = Metrics(__version__)
    NodeMetrics(metrics.registry, lambda: ())
    gauges = {each.name for each in read(metrics.registry) if each.kind == "gauge"}
    assert "litellm_in_flight_requests" in gauges
    assert gauges <= ADDED | LEAST | MOST
    assert len(ADDED | LEAST | MOST) == len(ADDED) + len(LEAST) + len(MOST)
