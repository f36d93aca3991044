"""How long to wait before the same deployment is asked again."""

import pytest

from hx_gateway.core.errors import Overloaded
from hx_gateway.routing.ground import RetryPolicy


@pytest.mark.parametrize(
    ("tries", "chance", "said_s", "wait_s"),
    [
        (1, 0.0, None, 0.0),
        (1, 1.0, None, 0.5),
        (3, 0.5, None, 1.0),
        (9, 1.0, None, 8.0),  # never longer
        (1, 0.0, 2.0, 2.0),
        (1, 1.0, 2.0, 2.25),  # not all at once
        (1, 0.5, 61.0, None),
    ],
)
def test_a_wait_is_spread_and_retry_after_is_obeyed(
    tries: int, chance: float, said_s: float | None, wait_s: float | None
) -> None:
    fault = Overloaded("busy", retry_after_s=said_s)
    assert RetryPolicy().wait_s(fault, tries, chance) == wait_s


def test_a_configured_wait_is_the_least() -> None:
    assert RetryPolicy(minimum_wait_s=3.0).wait_s(Overloaded("busy"), 1, 0.5) == 3.0
