"""Read LiteLLM's budgets of providers, deployments and tags."""

from collections.abc import Callable, Iterable, Iterator

from hx_gateway.config.document import Node
from hx_gateway.config.fields import FieldReader
from hx_gateway.config.models import Entry
from hx_gateway.config.report import Report
from hx_gateway.core.budget import DEPLOYMENT, PROVIDER, TAG, Budget
from hx_gateway.core.duration import end_of
from hx_gateway.core.errors import InvalidRequest
from hx_gateway.providers.registry import PROVIDERS

STRATEGY = "provider-budget-routing"
# LiteLLM takes either pair of names.
_LIMITS, _PERIODS = ("max_budget", "budget_limit"), ("budget_duration", "time_period")


def compile_budgets(
    root: Node, entries: Iterable[Entry], strategy: str, report: Report
) -> tuple[Budget, ...]:
    """Read all budgets; those with problems are left out."""
    entries = list(entries)
    providers = list(
        _named(root, "router_settings.provider_budget_config", PROVIDER, _provider, report)
    )
    if strategy == STRATEGY and not providers:
        node = root.find("router_settings.routing_strategy") or root
        text = f"{STRATEGY} without provider_budget_config bounds nothing: calls are shuffled"
        report.warning(node.place, "router_settings.routing_strategy", text)
    tags = _named(root, "litellm_settings.tag_budget_config", TAG, str, report)
    deployments = (found for entry in entries if (found := _of_entry(entry, report)) is not None)
    budgets = (*providers, *deployments, *tags)
    _warn_of_the_unpriced(budgets, entries, report)
    return budgets


def _named(
    root: Node, path: str, kind: str, name_of: Callable[[str], str | None], report: Report
) -> Iterator[Budget]:
    section = root.find(path)
    for key, node in section.members() if section is not None else ():
        name = name_of(key)
        if name is None:
            report.no_effect(node.place, f"{path}.{key}", "is no provider, so it bounds nothing")
            continue
        reader = FieldReader(node, f"{path}.{key}", report)
        budget = _read(reader, kind, name)
        if budget is None:
            report.problem(node.place, f"{path}.{key}", "needs budget_limit and time_period")
        else:
            yield budget


def _of_entry(entry: Entry, report: Report) -> Budget | None:
    """Read the budget in a model's parameters: `max_budget` alone bounds nothing, as in LiteLLM."""
    params = entry.params
    limit = None if params is None else params.node.get("max_budget")
    if params is None or limit is None:
        return None
    budget = _read(params, DEPLOYMENT, entry.deployment.id)
    if budget is None:
        text = "has no effect without budget_duration"
        report.no_effect(limit.place, f"{params.path}.max_budget", text)
    return budget


def _read(reader: FieldReader, kind: str, name: str) -> Budget | None:
    limits = [limit for key in _LIMITS if (limit := reader.usd(key)) is not None]
    periods = [(key, text) for key in _PERIODS if (text := reader.text(key)) is not None]
    if not limits or not periods:
        return None
    key, period = periods[0]
    try:
        end_of(period, 0.0)
    except InvalidRequest:
        reader.problem(key, "must be a number and a unit: 30s, 30m, 30h, 30d, 2w or 1mo")
    return Budget(kind=kind, name=name, limit=limits[0], period=period)


def _provider(name: str) -> str | None:
    provider = PROVIDERS.get(name)
    return None if provider is None else provider.name


def _warn_of_the_unpriced(
    budgets: Iterable[Budget], entries: Iterable[Entry], report: Report
) -> None:
    """Say where nothing would ever be counted: cost is what a known price says."""
    bound = {(budget.kind, budget.name) for budget in budgets}
    for entry in entries:
        each = entry.deployment
        names = {(DEPLOYMENT, each.id), (PROVIDER, each.provider.name)}
        if each.price is None and "*" not in each.model and not bound.isdisjoint(names):
            text = "has a budget and no known price, so nothing is counted; give its prices"
            path = "model_list" if entry.params is None else entry.params.path
            report.warning(entry.place, path, text)
