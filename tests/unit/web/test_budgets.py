"""The budgets of providers as LiteLLM shows them."""

import msgspec
from tests.support.clock import FakeClock
from tests.support.pipelines import CALLER
from tests.support.receipts import receipt

from hx_gateway.core.budget import DEPLOYMENT, PROVIDER, Budget
from hx_gateway.core.http import Request
from hx_gateway.core.principal import Scope
from hx_gateway.routing.purse import Purses
from hx_gateway.web.budgets import BudgetRoutes, endpoints
from hx_gateway.web.endpoint import Visit


async def test_spend_limit_and_end_of_each_provider_are_shown() -> None:
    clock = FakeClock()
    purses = Purses(clock.now() - clock.monotonic())
    purses.watch(
        [
            Budget(kind=PROVIDER, name="openai", limit=2_000_000_000, period="1d"),
            Budget(kind=PROVIDER, name="anthropic", limit=1, period="30d"),
            Budget(kind=DEPLOYMENT, name="d", limit=1, period="1d"),
        ]
    )
    purses.spend(receipt(cost=500_000_000, provider="openai", started_at=clock.now(), seconds=0.0))
    only = endpoints(BudgetRoutes(purses, clock))[0]
    answer = await only.handler(Visit("v", Request("GET", only.path, "", {}), CALLER))
    shown = msgspec.json.decode(answer.body)["providers"]
    assert set(shown) == {"openai", "anthropic"}
    openai = shown["openai"]
    assert (openai["budget_limit"], openai["spend"], openai["time_period"]) == (2.0, 0.5, "1d")
    assert openai["budget_reset_at"].endswith("+00:00")
    assert shown["anthropic"] == {
        "budget_limit": 1e-9,
        "time_period": "30d",
        "spend": 0.0,
        "budget_reset_at": None,
    }
    assert only.scope is Scope.ADMIN
