"""Budgets: what is spent, until when, and who stands still because of it."""

from typing import Any

import pytest
from tests.support.deployments import deployment
from tests.support.receipts import receipt

from hx_gateway.core.budget import DEPLOYMENT, PROVIDER, TAG, Budget
from hx_gateway.routing.purse import Purse, Purses

DAY = 86_400.0
A = deployment("a")
VENDOR = A.provider.name


def budget(
    kind: str = PROVIDER, name: str = VENDOR, limit: int = 100, period: str = "1d"
) -> Budget:
    return Budget(kind=kind, name=name, limit=limit, period=period)


def purses(*budgets: Budget) -> Purses:
    made = Purses()
    made.watch(budgets)
    return made


def paid(cost: int | None, *, at: float = 1000.0, **fields: Any) -> Any:
    fields = {"provider": VENDOR, "deployment_id": "a", "seconds": 0.0, **fields}
    return receipt(cost=cost, started_at=at, **fields)


def test_a_used_up_budget_of_a_provider_stops_its_deployments_until_the_period_ends() -> None:
    held = purses(budget())
    held.spend(paid(99))
    assert held.obstacle(A, 1000.0) is None
    held.spend(paid(1, at=1500.0))
    stopped = held.obstacle(A, 1600.0)
    assert stopped is not None
    assert (stopped.http_status, stopped.error_code) == (429, "budget_exceeded")
    assert stopped.retry_after_s == pytest.approx(1000.0 + DAY - 1600.0)
    assert held.obstacle(A, 1000.0 + DAY) is None


def test_the_period_begins_with_the_first_call_that_costs_something() -> None:
    held = purses(budget(limit=10))
    held.spend(paid(0, at=100.0))
    held.spend(paid(None, at=200.0))
    held.spend(paid(10, at=5000.0))
    assert held.obstacle(A, DAY + 4999.0) is not None
    held.spend(paid(3, at=DAY + 5001.0))  # a new one: what was before is forgotten
    assert next(iter(held)).spent(DAY + 5001.0) == 3


@pytest.mark.parametrize(
    ("one", "stopped"),
    [
        (budget(DEPLOYMENT, "a"), True),
        (budget(DEPLOYMENT, "b"), False),
        (budget(PROVIDER, "other"), False),
        (budget(TAG, "team-x"), True),
        (budget(TAG, "team-y"), False),
    ],
)
def test_only_who_a_budget_is_for_is_bound_by_it(one: Budget, stopped: bool) -> None:
    held = purses(one)
    held.spend(paid(100, tags=("team-x",)))
    assert (held.obstacle(A, 1000.0, ("team-x",)) is not None) is stopped


def test_a_tags_budget_stops_only_calls_with_the_tag() -> None:
    held = purses(budget(TAG, "t"))
    held.spend(paid(100, tags=("t",)))
    assert held.obstacle(A, 1000.0, ("u",)) is None
    assert held.obstacle(A, 1000.0, ("u", "t")) is not None


def test_a_call_counts_for_each_budget_that_it_concerns() -> None:
    held = purses(budget(), budget(DEPLOYMENT, "a"), budget(TAG, "t"), budget(TAG, "u"))
    assert [each.budget.name for each in held.spend(paid(5, tags=("t",)))] == [VENDOR, "a", "t"]
    assert held.spend(paid(0)) == held.spend(paid(None)) == []


@pytest.mark.parametrize(
    ("budgets", "bound"),
    [
        ((), False),
        ((budget(),), True),
        ((budget(DEPLOYMENT, "a"),), True),
        ((budget(PROVIDER, "other"), budget(DEPLOYMENT, "b")), False),
        ((budget(TAG, "t"),), True),  # any call may have it
    ],
)
def test_a_route_without_a_budget_is_not_looked_at(
    budgets: tuple[Budget, ...], bound: bool
) -> None:
    assert purses(*budgets).bounds([A]) is bound


def test_what_was_spent_survives_a_reload_and_another_limit_but_not_another_period() -> None:
    held = purses(budget(limit=10))
    held.spend(paid(10))
    held.watch([budget(limit=20)])
    assert held.obstacle(A, 1000.0) is None
    assert next(iter(held)).spent(1000.0) == 10
    held.watch([budget(limit=10, period="2d")])
    assert next(iter(held)).spent(1000.0) == 0
    held.watch([])
    assert held.obstacle(A, 1000.0) is None


def test_what_is_left_of_providers_is_never_less_than_nothing() -> None:
    held = purses(budget(limit=10), budget(DEPLOYMENT, "a"), budget(PROVIDER, "other", 7))
    held.spend(paid(25))
    assert held.left_of_providers(1000.0) == {VENDOR: 0, "other": 7}


def test_what_others_spent_and_what_they_do_not_know_of_yet_is_added() -> None:
    purse = Purse(budget(limit=100))
    purse.spend(10, 1000.0)
    amount = purse.hand_over()
    purse.spend(5, 1000.0)
    assert (amount, purse.spent(1000.0)) == (10, 15)
    purse.saw(70, 1001.0, handed=amount)  # 60 of others
    assert purse.spent(1001.0) == 75


def test_what_others_could_not_be_told_still_counts() -> None:
    purse = Purse(budget())
    purse.spend(10, 1000.0)
    purse.take_back(purse.hand_over())
    assert purse.spent(1000.0) == 10
    assert purse.hand_over() == 10


def test_a_period_that_others_began_counts_here_and_ends_when_they_say() -> None:
    purse = Purse(budget(limit=50))
    purse.saw(50, 1000.0)
    assert purse.is_empty(1001.0)
    purse.saw(0, 2000.0)
    assert not purse.is_empty(2000.0)
