"""What was spent of the budgets of providers: LiteLLM's `/provider/budgets`."""

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from hx_gateway.core.budget import PROVIDER
from hx_gateway.core.clock import Clock
from hx_gateway.core.http import Response
from hx_gateway.core.principal import Scope
from hx_gateway.core.usage import NANOS_PER_USD
from hx_gateway.routing.purse import Purse, Purses
from hx_gateway.web.endpoint import Endpoint, Visit
from hx_gateway.web.respond import json_response


class ProviderBudget(msgspec.Struct, frozen=True, kw_only=True):
    """One budget in US dollars; `budget_reset_at` is null until something was spent."""

    budget_limit: float
    time_period: str
    spend: float
    budget_reset_at: str | None


class ProviderBudgets(msgspec.Struct, frozen=True, kw_only=True):
    """All of them by provider; none is configured when it is empty."""

    providers: Mapping[str, ProviderBudget]


class BudgetRoutes:
    """The handler over the budgets of this process."""

    def __init__(self, purses: Purses, clock: Clock) -> None:
        """Read from these purses."""
        self._purses = purses
        self._clock = clock

    async def providers(self, visit: Visit) -> Response:  # noqa: ARG002 - the same for everybody
        """Show the budgets of providers."""
        now = self._purses.now(self._clock.monotonic())
        shown = {
            purse.budget.name: _shown(purse, now)
            for purse in self._purses
            if purse.budget.kind == PROVIDER
        }
        return json_response(ProviderBudgets(providers=shown))


def _shown(purse: Purse, now: float) -> ProviderBudget:
    is_open = now < purse.ends_at
    ends_at = datetime.fromtimestamp(purse.ends_at, UTC).isoformat() if is_open else None
    return ProviderBudget(
        budget_limit=purse.budget.limit / NANOS_PER_USD,
        time_period=purse.budget.period,
        spend=purse.spent(now) / NANOS_PER_USD,
        budget_reset_at=ends_at,
    )


def endpoints(routes: BudgetRoutes) -> tuple[Endpoint, ...]:
    """Make the endpoint."""
    return (
        Endpoint(
            method="GET",
            path="/provider/budgets",
            scope=Scope.ADMIN,
            handler=routes.providers,
            name="provider_budgets",
            summary="Show what was spent of the budgets of providers",
            tag="models",
            answer=ProviderBudgets,
            errors=(403,),
        ),
    )
