"""Calls that look alike are counted together; those that do not are not."""

import pytest
from tests.support.receipts import receipt

from hx_gateway.core.receipt import Ending
from hx_gateway.usage.tally import Series, Tally, series_of, signature, spreads, sums


def test_a_tally_adds_up_what_a_receipt_says() -> None:
    tally = Tally()
    tally.add([receipt()])
    tally.add([receipt(cost=None)])
    assert (tally.calls, tally.nanos) == (2, 2_500)
    assert (tally.input, tally.output, tally.cached, tally.reasoning) == (10, 14, 4, 6)
    assert (tally.total.count, tally.upstream.count, tally.overhead.count) == (2, 2, 2)
    assert tally.overhead.sum == pytest.approx(0.02)


def test_hits_misses_and_the_tokens_of_hits_are_counted() -> None:
    tally = Tally()
    for hit in (None, False, True, True):
        tally.add([receipt(cache_hit=hit)])
    assert (tally.hits, tally.misses, tally.kept) == (2, 1, 24)


def test_a_kept_answer_keeps_the_name_of_its_model_in_the_labels() -> None:
    nobody = receipt(deployment_id=None)
    assert series_of(signature(nobody)).requested_model == ""
    hit = receipt(deployment_id=None, cache_hit=True)
    assert series_of(signature(hit)).requested_model == "gpt"


def test_time_to_first_token_is_of_streams_only() -> None:
    tally = Tally()
    tally.add([receipt()])
    assert tally.first_token.count == 0
    tally.add([receipt(stream=True)])
    assert tally.first_token.count == 1


@pytest.mark.parametrize("ending", [ending for ending in Ending if ending is not Ending.COMPLETE])
def test_a_call_that_did_not_end_well_has_no_latency(ending: Ending) -> None:
    tally = Tally()
    tally.add([receipt(ending=ending)])
    assert (tally.calls, tally.total.count) == (1, 0)


def test_labels_are_empty_for_what_is_not_known() -> None:
    series = series_of(signature(receipt(alias=None, team_id=None, provider=None)))
    assert (series.api_key_alias, series.team, series.api_provider) == ("", "", "")
    assert (series.status_code, series.route, series.model_id) == ("200", "chat", "d1")


def test_a_model_name_that_reached_no_deployment_becomes_no_label() -> None:
    """A client may send any name: each would be a series for ever."""
    series = series_of(signature(receipt(deployment_id=None, model="made-up", status=404)))
    assert series.requested_model == ""


def test_sums_and_spreads_are_over_all_series_that_agree() -> None:
    tallies = []
    for status, model in ((200, "a"), (500, "a"), (200, "b")):
        tally = Tally()
        found = receipt(status=status, model=model)
        tally.add([found])
        tallies.append((series_of(signature(found)), tally))
    assert sums(tallies, ("requested_model",), lambda t: t.calls) == {("a",): 2, ("b",): 1}
    merged = spreads(tallies, ("requested_model",), lambda t: t.total)
    assert {key: spread.count for key, spread in merged.items()} == {("a",): 2, ("b",): 1}
    assert len(signature(receipt())) == len(Series._fields)
