"""A histogram as plain numbers: the same as a client library's."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram

from hx_gateway.usage.spread import BOUNDS, Spread


@given(st.lists(st.floats(0, 1000) | st.sampled_from(BOUNDS)))
def test_buckets_are_those_of_the_client_library(values: list[float]) -> None:
    registry = CollectorRegistry()
    theirs = Histogram("x", "x", buckets=BOUNDS, registry=registry)
    ours = Spread()
    for value in values:
        theirs.observe(value)
        ours.add(value)
    for le, count in ours.buckets():
        assert registry.get_sample_value("x_bucket", {"le": le}) == count
    assert registry.get_sample_value("x_sum") == ours.sum
    assert ours.count == len(values)


def test_merging_adds_up() -> None:
    one, other = Spread(), Spread()
    one.add(0.004)
    other.add(0.004)
    other.add(700.0)
    one.merge(other)
    assert (one.counts[0], one.counts[-1], one.count) == (2, 1, 3)
    assert one.sum == 700.008
