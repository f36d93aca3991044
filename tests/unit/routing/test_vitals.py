"""What is measured of a deployment, and what is forgotten."""

from hx_gateway.routing.vitals import SAMPLES, TIMEOUT_S, Samples, Vitals

NOW = 100.0


def test_the_mean_is_that_of_the_last_samples_which_are_not_too_old() -> None:
    samples = Samples()
    assert samples.mean() == 0.0
    for n in range(4):
        samples.add(NOW + n, float(n))
    assert samples.mean() == 1.5
    assert samples.mean(last=2) == 2.5
    assert samples.mean(NOW + 13, ttl_s=10.5) == 3.0
    assert samples.mean(NOW + 99, ttl_s=10.0) == 0.0


def test_the_longest_leaves_time_outs_out() -> None:
    samples = Samples()
    for seconds in (1.0, 2.0, TIMEOUT_S):
        samples.add(NOW, seconds)
    assert samples.longest() == 2.0


def test_only_so_many_samples_are_kept() -> None:
    samples = Samples()
    samples.add(NOW, 99.0)
    for _ in range(SAMPLES):
        samples.add(NOW, 1.0)
    assert samples.longest() == 1.0


def test_whole_answers_and_first_events_are_kept_apart() -> None:
    vitals = Vitals()
    vitals.succeeded(NOW, 2.0, tokens=100)
    vitals.succeeded(NOW, 0.3, stream=True)
    assert (vitals.whole.mean(), vitals.first.mean()) == (2.0, 0.3)
    assert vitals.per_token.mean() == 0.02


def test_what_was_measured_before_the_breaker_opened_is_forgotten_when_it_closes() -> None:
    vitals = Vitals()
    vitals.succeeded(NOW, 9.0)
    vitals.failures_in_a_row = 1
    vitals.succeeded(NOW, 1.0)
    assert vitals.whole.longest() == 9.0  # it never opened
    vitals.open_until = NOW
    vitals.succeeded(NOW, 1.0)
    assert vitals.whole.longest() == 1.0


def test_faults_are_counted_by_kind_within_the_window() -> None:
    vitals = Vitals()
    assert vitals.count_fault(NOW, "Timeout", 60.0) == 1
    assert vitals.count_fault(NOW + 30, "Timeout", 60.0) == 2
    assert vitals.count_fault(NOW + 30, "RateLimit", 60.0) == 1
    assert vitals.count_fault(NOW + 70, "Timeout", 60.0) == 2


def test_an_old_measurement_weighs_nothing_in_the_score() -> None:
    vitals = Vitals()
    vitals.succeeded(NOW, 10.0)
    vitals.succeeded(NOW + 1, 0.0)
    assert vitals.score_s == 7.0
    vitals.succeeded(NOW + 60, 0.5)
    assert vitals.score_s == 0.5
