"""Who can take a call: tags, regions, context windows, room."""

import msgspec
import pytest
from tests.support.calls import ask
from tests.support.deployments import deployment, route
from tests.support.receipts import receipt

from hx_gateway.core.budget import TAG, Budget
from hx_gateway.core.call import Wishes
from hx_gateway.core.errors import ContextWindowExceeded, Exhausted, Unfit
from hx_gateway.core.route import Deployment
from hx_gateway.routing.fitness import (
    FitRules,
    Need,
    minute_room,
    with_a_place,
    within_budget,
)
from hx_gateway.routing.health import Health
from hx_gateway.routing.meter import Meter
from hx_gateway.routing.purse import Purses
from hx_gateway.routing.tags import TagRules

FREE, PAID = deployment("free", tags=("free",)), deployment("paid", tags=("paid", "eu"))
DEFAULT, PLAIN = deployment("default", tags=("default",)), deployment("plain")
NOW = 100.0


def admitted(
    rules: FitRules,
    *all_: Deployment,
    key: dict[str, object] | None = None,
    text: str = "Hi",
    **fields: object,
) -> str:
    """Name those that are left of the route for a call of this text."""
    fitness = rules.for_call(msgspec.structs.replace(ask(text), **fields), key or {})
    return " ".join(each.id for each in fitness.admit(route("m", *all_)))


def test_tags_choose_where_the_route_says_so() -> None:
    assert admitted(FitRules(by_tags=TagRules()), FREE, PAID, tags=("free",)) == "free"
    assert admitted(FitRules(), FREE, PAID, tags=("free",)) == "free paid"


def test_a_used_up_budget_is_an_obstacle_and_a_tags_budget_needs_the_tag() -> None:
    purses = Purses()
    purses.watch([Budget(kind=TAG, name="t", limit=1, period="1d")])
    purses.spend(receipt(cost=1, tags=("t",), started_at=NOW, seconds=0.0))
    rules = FitRules(rooms=(within_budget(purses),), reads_tags=True)
    for tags, code in ((("t",), "budget_exceeded"), (("u",), None)):
        fitness = rules.for_call(msgspec.structs.replace(ask(), tags=tags), {})
        found = fitness.obstacle(PLAIN, NOW)
        assert (None if found is None else found.error_code) == code


def test_without_a_default_untagged_calls_go_anywhere_and_unknown_tags_nowhere() -> None:
    rules = FitRules(by_tags=TagRules())
    assert admitted(rules, FREE, PLAIN) == "free plain"
    with pytest.raises(Unfit):
        admitted(rules, FREE, PLAIN, tags=("unknown",))


def test_the_tags_of_the_key_count_as_well() -> None:
    assert admitted(FitRules(by_tags=TagRules()), FREE, PAID, key={"tags": ["paid"]}) == "paid"


def test_tags_mean_nothing_where_nobody_asked_for_them() -> None:
    assert admitted(FitRules(), FREE, PAID, tags=("paid",)) == "free paid"


def test_a_prompt_goes_only_where_it_fits() -> None:
    small, large = deployment("s", max_input_tokens=100), deployment("l", max_input_tokens=10_000)
    rules = FitRules(by_window=True)
    assert admitted(rules, small, large, PLAIN) == "s l plain"
    assert admitted(rules, small, large, PLAIN, text="word " * 200) == "l plain"
    with pytest.raises(ContextWindowExceeded):
        admitted(rules, small, large, text="word " * 20_000)
    assert admitted(FitRules(), small, text="word " * 20_000) == "s"  # the control


def test_a_region_is_kept_and_that_of_the_key_wins() -> None:
    eu, us = deployment("eu", region="eu"), deployment("us", region="us")
    rules, wish = FitRules(by_window=True), Wishes(region="us")
    assert admitted(rules, eu, us, PLAIN) == "eu us plain"
    assert admitted(rules, eu, us, PLAIN, wishes=wish) == "us"
    assert admitted(rules, eu, us, key={"allowed_model_region": "eu"}, wishes=wish) == "eu"
    with pytest.raises(Unfit):
        admitted(rules, us, PLAIN, key={"allowed_model_region": "eu"})


def test_a_full_minute_is_an_obstacle() -> None:
    meter, one = Meter(), deployment("one", rpm=1)
    meter.watch([one])
    fitness = FitRules(rooms=(minute_room(meter),)).for_call(ask(), {})
    assert fitness.obstacle(one, NOW) is None
    meter.begin(one, NOW)
    assert isinstance(fitness.obstacle(one, NOW), Exhausted)


def test_who_has_a_place_is_preferred() -> None:
    health, one, two = (
        Health(),
        deployment("one", max_parallel=1),
        deployment("two", max_parallel=1),
    )
    preference = with_a_place(health)
    assert list(preference([one, two, PLAIN], NOW, Need())) == [one, two, PLAIN]
    health.of(one).begin(NOW)
    assert list(preference([one, two], NOW, Need())) == [two]


def test_tokens_are_estimated_only_where_somebody_asks() -> None:
    seen: list[int] = []

    def room(_each: Deployment, _now: float, need: Need) -> None:
        seen.append(need.tokens)

    rules = FitRules(rooms=(room,))
    rules.for_call(ask("x" * 400), {}).obstacle(PLAIN, NOW)
    FitRules(counts_tokens=True, rooms=rules.rooms).for_call(ask("x" * 400), {}).obstacle(
        PLAIN, NOW
    )
    assert seen[0] == 0
    assert seen[1] > 100


def test_preferences_narrow_one_after_the_other_but_never_to_nothing() -> None:
    trio = [deployment(name) for name in "abc"]
    rules = FitRules(
        preferences=(
            lambda all_, _now, _need: all_[:2],
            lambda _all, _now, _need: [],
            lambda all_, _now, _need: all_[1:],
        ),
    )
    assert [each.id for each in rules.for_call(ask(), {}).prefer(trio, 0.0)] == ["b"]


def test_what_is_asked_of_a_deployment_may_depend_on_the_others_and_on_the_call() -> None:
    trio = [deployment(name) for name in "abc"]
    seen: list[Need] = []

    def room(_one: Deployment, _now: float, need: Need) -> None:
        seen.append(need)

    call = ask()
    FitRules(rooms=(room,)).for_call(call, {}, trio).obstacle(trio[0], 0.0)
    assert (seen[0].peers, seen[0].fields) == (trio, call.fields)
