"""Requests and tokens of the current minute."""

import pytest
from tests.support.deployments import deployment
from tests.support.receipts import receipt

from hx_gateway.core.errors import Exhausted
from hx_gateway.core.usage import Usage
from hx_gateway.routing.meter import Meter

A = deployment("a", rpm=2, tpm=100)
NOW = 120.0


def metered() -> Meter:
    meter = Meter()
    meter.watch([A])
    return meter


def test_requests_are_counted_for_a_minute() -> None:
    meter = metered()
    for _ in range(2):
        assert meter.obstacle(A, NOW) is None
        meter.begin(A, NOW)
    assert isinstance(meter.obstacle(A, NOW + 59), Exhausted)
    assert meter.obstacle(A, NOW + 60) is None


@pytest.mark.parametrize(
    ("used", "wanted", "is_full"), [(0, 0, False), (100, 0, True), (60, 40, False), (60, 41, True)]
)
def test_tokens_are_held_against_the_limit_before_the_call(
    used: int, wanted: int, is_full: bool
) -> None:
    meter = metered()
    meter.saw("a", NOW, tokens=used)
    assert (meter.obstacle(A, NOW, wanted) is not None) is is_full


def test_the_refusal_says_when_the_next_minute_begins() -> None:
    meter = Meter(offset_s=30.0)  # the wall clock is half a minute ahead
    assert meter.exhausted(NOW).retry_after_s == 30.0
    assert meter.exhausted(NOW + 29.0).retry_after_s == 1.0


def test_a_settled_call_adds_its_tokens() -> None:
    meter = metered()
    meter.take(
        receipt(deployment_id="a", usage=Usage(input=3, output=4), started_at=NOW, seconds=1.0)
    )
    meter.take(receipt(deployment_id="b", usage=Usage(input=9), started_at=NOW, seconds=1.0))
    meter.take(receipt(deployment_id=None, started_at=NOW, seconds=1.0))
    assert meter.of(A, NOW).tokens == 7


def test_what_all_processes_counted_is_taken_over_if_it_is_more() -> None:
    meter = metered()
    meter.begin(A, NOW)
    meter.saw("a", NOW, requests=5)
    meter.saw("a", NOW, requests=3)
    assert meter.of(A, NOW).requests == 5


def test_nothing_is_counted_of_deployments_that_nobody_watches() -> None:
    meter = metered()
    other = deployment("other", rpm=1)
    meter.begin(other, NOW)
    assert meter.of(other, NOW).requests == 0
    assert not meter.knows("other")
    meter.watch([other])
    assert not meter.knows("a")
