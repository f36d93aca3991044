"""What a node can do at once, learned from who answers while others are still there."""

import pytest

from hx_gateway.routing.parallel import MISSES, SHUT_S, Parallel, share


def test_what_was_stated_is_not_learned() -> None:
    spot = Parallel(3)
    works = [spot.begin(0.0) for _ in range(5)]
    for work in works:
        spot.answered(work, 0.1, stream=True)
    assert (spot.busy, spot.limit(0.2)) == (5, 3)


def test_one_more_than_proven_is_tried() -> None:
    spot = Parallel()
    assert spot.limit(0.0) == 2
    first, second = spot.begin(0.0), spot.begin(0.1)
    spot.answered(first, 0.2, stream=True)
    assert spot.limit(0.2) == 2
    spot.answered(second, 0.3, stream=True)
    assert (spot.proven, spot.limit(0.3)) == (2, 3)


def test_who_answers_proves_that_those_before_are_worked_on() -> None:
    spot = Parallel()
    first, second = spot.begin(0.0), spot.begin(0.0)
    spot.answered(second, 1.0, stream=False)  # the first has not answered, but it came before
    assert spot.proven == 2
    spot.end(second, 1.0)
    spot.end(first, 2.0)


def test_a_call_that_answers_when_the_one_before_is_gone_proves_nothing() -> None:
    spot = Parallel()
    for _ in range(MISSES * 2):
        first, second = spot.begin(0.0), spot.begin(0.0)
        spot.answered(first, 1.0, stream=False)
        spot.end(first, 2.0)
        spot.answered(second, 2.0, stream=False)
        spot.end(second, 3.0)
    assert (spot.proven, spot.limit(3.0)) == (1, 2)


def test_streams_that_wait_for_each_other_end_the_trying_for_a_while() -> None:
    spot = Parallel()
    for _ in range(MISSES):
        assert spot.limit(0.0) == 2
        first, second = spot.begin(0.0), spot.begin(0.0)
        spot.answered(first, 1.0, stream=True)
        spot.end(first, 2.0)
        spot.answered(second, 2.0, stream=True)
        spot.end(second, 3.0)
    assert spot.limit(4.0) == 1
    assert spot.limit(4.0 + SHUT_S) == 2


def test_the_usual_time_is_that_of_calls_that_answered() -> None:
    spot = Parallel()
    work = spot.begin(0.0)
    spot.answered(work, 1.0, stream=False)
    spot.end(work, 4.0)
    spot.end(work, 9.0)
    failed = spot.begin(10.0)
    spot.end(failed, 99.0)
    assert (spot.mean_s, spot.busy) == (4.0, 0)


@pytest.mark.parametrize(
    ("places", "sharers", "shares"),
    [(4, 1, [4]), (4, 2, [2, 2]), (5, 3, [2, 2, 1]), (2, 3, [1, 1, 1]), (1, 2, [1, 1])],
)
def test_places_are_shared_out_whole_and_each_process_has_one(
    places: int, sharers: int, shares: list[int]
) -> None:
    assert [share(places, sharers, rank) for rank in range(sharers)] == shares
