"""Where a call may go when a route cannot answer it."""

from typing import Any

import pytest
from tests.support.deployments import deployment, route
from tests.support.plans import BAD, DOWN, LONG, RUDE, to

from hx_gateway.core.call import Wishes
from hx_gateway.core.errors import NoDeployment, Unfit, UpstreamError
from hx_gateway.routing.detours import detours_of

MAIN = route(
    "m",
    deployment("a"),
    fallbacks=("f",),
    context_window_fallbacks=("w",),
    content_policy_fallbacks=("p",),
)
PLAIN = route("plain", deployment("b"), fallbacks=("f", "g"))


def names(*path: Any, fault: UpstreamError | None = None, **wishes: Any) -> list[str]:
    wished = Wishes(**wishes) if wishes else None
    return [each.model for each in detours_of(path, wished, fault)]


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        (None, ["f"]),
        (DOWN, ["f"]),
        (LONG, ["w"]),
        (RUDE, ["p"]),
        (BAD, []),  # the caller's own mistake
        (Unfit("unfit"), []),
        (NoDeployment("nobody"), ["f"]),
    ],
)
def test_a_fault_has_its_own_list(fault: UpstreamError | None, found: list[str]) -> None:
    assert names(MAIN, fault=fault) == found


@pytest.mark.parametrize("fault", [DOWN, LONG, RUDE])
def test_a_list_that_says_nothing_is_replaced_by_the_general_one(fault: UpstreamError) -> None:
    assert names(PLAIN, fault=fault) == ["f", "g"]


def test_the_fallbacks_of_a_fallback_come_first() -> None:
    assert names(MAIN, PLAIN, fault=DOWN) == ["f", "g", "f"]
    assert names(PLAIN, MAIN, fault=LONG) == ["w", "f", "g"]


@pytest.mark.parametrize(
    ("fault", "found"), [(DOWN, ["x"]), (LONG, ["y"]), (RUDE, ["x"]), (BAD, [])]
)
def test_the_callers_list_takes_the_place_of_all(fault: UpstreamError, found: list[str]) -> None:
    wishes = {"fallbacks": to("x"), "context_window_fallbacks": to("y")}
    assert names(MAIN, PLAIN, fault=fault, **wishes) == found


def test_a_caller_without_a_list_gets_the_configured_one() -> None:
    assert names(MAIN, fault=DOWN, retries=1) == ["f"]
