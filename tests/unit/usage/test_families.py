"""The families carry LiteLLM's names and only labels that exist."""

import pytest
from tests.support.receipts import receipt

from hx_gateway.usage.families import COUNTERS, FAILED, SPREADS, families
from hx_gateway.usage.tally import Series, Tally, series_of, signature


@pytest.mark.parametrize("family", [*COUNTERS, FAILED, *SPREADS], ids=lambda family: family.name)
def test_every_label_is_one_of_a_series(family: object) -> None:
    assert set(getattr(family, "labels", ())) <= set(Series._fields)


def test_failures_are_the_calls_with_an_error_status() -> None:
    tallies = []
    for status in (200, 400, 503):
        tally = Tally()
        found = receipt(status=status)
        tally.add([found])
        tallies.append((series_of(signature(found)), tally))
    made = {metric.name: metric for metric in families(tallies)}
    assert {
        sample.labels["status_code"]
        for sample in made["litellm_proxy_failed_requests_metric"].samples
    } == {"400", "503"}


def test_without_calls_there_are_families_without_samples() -> None:
    assert all(not metric.samples for metric in families([]))
