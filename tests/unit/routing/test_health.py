"""The breaker: what opens it, what closes it, who may probe."""

import pytest
from tests.support.deployments import deployment

from hx_gateway.core.errors import (
    CredentialRefused,
    ModelMissing,
    Overloaded,
    Rejected,
    Unreachable,
    UpstreamError,
)
from hx_gateway.routing.health import Health, State

A = deployment("a")
NOW = 100.0
DOWN, BAD = Unreachable("down"), Rejected("bad")


def failed(
    times: int, fault: UpstreamError = DOWN, *, alone: bool = False, health: Health | None = None
) -> Health:
    health = health or Health(cooldown_s=5.0)
    for _ in range(times):
        health.failed(A, NOW, fault, alone=alone)
    return health


@pytest.mark.parametrize(
    ("times", "fault", "alone", "is_usable"),
    [
        (2, DOWN, False, True),
        (3, DOWN, False, False),
        (3, DOWN, True, False),
        (9, BAD, False, True),  # the caller's own mistake
        (1, Overloaded("busy", upstream_status=429), False, False),
        (1, Overloaded("busy", upstream_status=429), True, True),
        (1, Overloaded("busy", upstream_status=429, retry_after_s=9.0), True, False),
        (1, CredentialRefused("key"), False, False),
        (1, CredentialRefused("key"), True, True),
    ],
)
def test_what_opens_the_breaker(
    times: int, fault: UpstreamError, alone: bool, is_usable: bool
) -> None:
    assert failed(times, fault, alone=alone).is_usable(A, NOW) is is_usable


def test_half_of_many_failing_opens_it_without_a_row() -> None:
    health = Health()
    for _ in range(4):
        health.failed(A, NOW, DOWN, alone=True)
        health.of(A).succeeded(NOW, 0.1)
    assert health.is_usable(A, NOW)
    health = Health()
    for _ in range(3):
        health.of(A).succeeded(NOW, 0.1)
        health.failed(A, NOW, DOWN, alone=True)
        health.failed(A, NOW, DOWN, alone=True)
    assert not health.is_usable(A, NOW)


def test_after_the_cooldown_one_probe_goes_and_decides() -> None:
    health = failed(3)
    later = NOW + 5.0
    assert health.of(A).state(NOW) is State.OPEN
    assert health.of(A).state(later) is State.HALF_OPEN
    assert health.is_usable(A, later)
    health.of(A).begin(later)
    assert not health.is_usable(A, later)  # somebody is finding out already
    health.failed(A, later, DOWN, alone=False)
    assert not health.is_usable(A, later + 4.9)
    health.of(A).begin(later + 5.0)
    health.of(A).succeeded(later + 5.1, 0.1)
    assert health.of(A).state(later + 5.1) is State.CLOSED


def test_the_upstreams_own_time_is_kept() -> None:
    health = failed(1, Overloaded("busy", upstream_status=429, retry_after_s=30.0))
    assert not health.is_usable(A, NOW + 29.0)
    assert health.is_usable(A, NOW + 30.0)


def test_cooldowns_can_be_switched_off() -> None:
    assert failed(9, health=Health(enabled=False)).is_usable(A, NOW)


def test_old_failures_are_forgotten() -> None:
    health = Health()
    for n in range(4):
        health.failed(A, NOW + n * 20, DOWN, alone=True)
        health.of(A).succeeded(NOW + n * 20 + 1, 0.1)
    assert health.is_usable(A, NOW + 80)


@pytest.mark.parametrize(("requests", "retries"), [(0, 3), (10, 3), (100, 20), (500, 100)])
def test_the_retry_budget_is_a_fifth_of_the_requests_and_at_least_three(
    requests: int, retries: int
) -> None:
    health = Health()
    for _ in range(requests):
        health.of(A).succeeded(NOW, 0.1)
    made = 0
    while health.may_retry(A, NOW) and made < 1000:
        health.of(A).begin(NOW, retry=True)
        health.of(A).succeeded(NOW, 0.1)
        made += 1
    assert made == retries
    assert health.may_retry(A, NOW + 11.0)


def test_what_is_promised_counts_as_made() -> None:
    health = Health()
    health.promised = 3
    assert not health.may_retry(A, NOW)
    health.promised = 0
    assert health.may_retry(A, NOW)


@pytest.mark.parametrize(
    ("in_flight", "heard_at", "spent", "expected"),
    [
        (0, 0.0, 9, True),  # nobody waits there
        (4, NOW - 0.5, 9, True),  # it answered while the other was silent
        (4, NOW - 5.0, 9, False),  # it may hang as well
        (4, NOW - 5.0, 2, True),  # but it has a second attempt left
    ],
)
def test_a_call_that_waits_in_vain_may_go_where_answers_come(
    in_flight: int, heard_at: float, spent: int, expected: bool
) -> None:
    health = Health()
    vitals = health.of(A)
    vitals.in_flight, vitals.heard_at = in_flight, heard_at
    vitals.retries.extend([NOW] * spent)
    assert health.may_move(A, NOW, since=NOW - 2.0) is expected


@pytest.mark.parametrize(
    ("allowed", "faults", "is_usable"),
    [
        ({"Default": 2}, [DOWN] * 2, True),
        ({"Default": 2}, [DOWN] * 3, False),
        ({"Default": 0}, [DOWN], False),
        ({"Default": 9}, [DOWN] * 5, True),  # three in a row mean nothing then
        ({"Default": 9, "RateLimit": 0}, [Overloaded("x", upstream_status=429)], False),
        ({"Default": 0, "RateLimit": 1}, [Overloaded("x", upstream_status=429)], True),
        ({"RateLimit": 0}, [DOWN] * 9, True),
    ],
)
def test_allowed_fails_take_the_place_of_our_own_rule(
    allowed: dict[str, int], faults: list[UpstreamError], is_usable: bool
) -> None:
    patient, health = deployment("a", allowed_fails=allowed), Health()
    for fault in faults:
        health.failed(patient, NOW, fault, alone=False)
    assert health.is_usable(patient, NOW) is is_usable


def test_allowed_fails_are_those_of_a_minute() -> None:
    patient, health = deployment("a", allowed_fails={"Default": 1}), Health()
    for n in range(5):
        health.failed(patient, NOW + n * 61, DOWN, alone=False)
        assert health.is_usable(patient, NOW + n * 61)


def test_a_model_name_that_a_caller_made_up_says_nothing_about_the_deployment() -> None:
    """Anybody could take a wildcard route out of use by asking for models that do not exist."""
    filled, health = deployment("a", is_filled=True), Health()
    for _ in range(9):
        health.failed(filled, NOW, ModelMissing("x", upstream_status=404), alone=False)
    assert health.is_usable(filled, NOW)
    health.failed(A, NOW, ModelMissing("x", upstream_status=404), alone=False)  # the control
    assert not health.is_usable(A, NOW)


def test_a_stalled_deployment_is_out_until_its_trial() -> None:
    health = Health(cooldown_s=5.0)
    health.stalled(A, NOW)
    assert health.of(A).is_stalled
    assert not health.is_usable(A, NOW + 4.9)
    assert health.is_usable(A, NOW + 5.0)
    health.of(A).succeeded(NOW + 5.1, 0.1)
    assert not health.of(A).is_stalled
    assert health.is_closed(A)


@pytest.mark.parametrize("fault", [BAD, Rejected("bad", upstream_status=400)])
def test_a_probe_that_meets_a_callers_mistake_has_still_found_somebody(fault: Rejected) -> None:
    """It would be out of use for the rest of the probe's lease, although it answers."""
    health = failed(3)
    health.of(A).begin(NOW + 5.0)
    health.failed(A, NOW + 5.1, fault, alone=False)
    assert health.is_closed(A) is (fault.upstream_status is not None)


def test_a_probe_whose_client_left_lets_the_next_call_try() -> None:
    health = failed(3)
    health.of(A).begin(NOW + 5.0)
    assert not health.is_usable(A, NOW + 5.1)
    health.untold(A)
    assert health.is_usable(A, NOW + 5.1)


def test_what_can_be_reached_again_is_tried_before_its_time_is_over() -> None:
    health = failed(3)
    assert not health.is_usable(A, NOW + 1.0)
    health.woke(A, NOW + 1.0)
    assert health.of(A).state(NOW + 1.0) is State.HALF_OPEN
    assert health.is_usable(A, NOW + 1.0)
    health.woke(deployment("unheard of"), NOW)


REFUSED = Overloaded("busy", upstream_status=429, retry_after_s=9.0)


@pytest.mark.parametrize(
    ("times", "fault", "told"),
    [
        (1, REFUSED, ["refused"]),
        (3, Overloaded("broken", upstream_status=500), ["refused"]),
        (2, Overloaded("broken", upstream_status=500), []),
        (3, DOWN, ["lost"]),  # the way there may be broken on our side only
        (9, Rejected("bad", upstream_status=400), []),
    ],
)
def test_what_an_upstream_says_is_told_apart_from_its_silence(
    times: int, fault: UpstreamError, told: list[str]
) -> None:
    health, heard = listened(Health(cooldown_s=5.0))
    failed(times, fault, health=health)
    assert heard == told


def listened(health: Health) -> tuple[Health, list[str]]:
    heard: list[str] = []
    health.on_refused = lambda _: heard.append("refused")
    health.on_lost = lambda _: heard.append("lost")
    return health, heard


def test_a_hang_is_told_as_silence_and_nothing_where_cooldowns_are_off() -> None:
    health, heard = listened(Health())
    health.stalled(A, NOW)
    assert heard == ["lost"]
    health, heard = listened(Health(enabled=False))
    failed(9, REFUSED, health=health)
    assert heard == []


def test_what_others_say_opens_the_breaker_until_then() -> None:
    health, told = listened(Health())
    health.on_open = lambda *_: told.append("open")
    assert health.heard(A, NOW, age_s=1.0, left_s=8.0)
    assert not health.is_usable(A, NOW + 7.9)
    assert health.of(A).state(NOW + 8.0) is State.HALF_OPEN
    assert told == []  # it goes no further, and is counted where it happened
    assert not health.heard(A, NOW + 1.0, age_s=2.0, left_s=7.0)  # the same once more
    assert health.heard(A, NOW + 1.0, age_s=0.0, left_s=30.0)
    assert not health.is_usable(A, NOW + 30.0)


@pytest.mark.parametrize(
    ("answered_at", "believes"), [(NOW - 0.5, False), (NOW - 1.5, True), (None, True)]
)
def test_an_answer_of_ones_own_since_then_counts_more_than_what_others_say(
    answered_at: float | None, believes: bool
) -> None:
    """Else one process with a broken network would take deployments from all others."""
    health = Health()
    if answered_at is not None:
        health.of(A).succeeded(answered_at, 0.1)
    assert health.heard(A, NOW, age_s=1.0, left_s=8.0) is believes
    assert health.is_usable(A, NOW) is not believes


def test_a_fault_since_then_is_no_better_knowledge() -> None:
    health = failed(1, Overloaded("broken", upstream_status=500))
    assert health.heard(A, NOW, age_s=1.0, left_s=8.0)


def test_what_others_say_opens_nothing_where_cooldowns_are_off() -> None:
    health = Health(enabled=False)
    assert not health.heard(A, NOW, age_s=0.0, left_s=8.0)
    assert health.is_usable(A, NOW)
