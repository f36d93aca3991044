"""The breaker: what opens it, what closes it, who may probe."""

import pytest
from tests.support.deployments import deployment

from hx_gateway.core.errors import (
    CredentialRefused,
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
