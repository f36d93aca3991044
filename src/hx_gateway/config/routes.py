"""Compile groups of deployments into routes: names, wildcards, aliases, fallbacks."""

from collections.abc import Iterable, Mapping

import msgspec

from hx_gateway.config.affinities import read_affinities
from hx_gateway.config.document import Node
from hx_gateway.config.models import Entry
from hx_gateway.config.policies import RetryPolicies
from hx_gateway.config.report import Report
from hx_gateway.config.strategies import read_strategies
from hx_gateway.core.facts import Catalogue
from hx_gateway.core.route import Route
from hx_gateway.providers.registry import VENDOR_NAMES
from hx_gateway.routing.table import expand, in_full

KINDS = ("fallbacks", "context_window_fallbacks", "content_policy_fallbacks")
ANY = "*"


class Routes(msgspec.Struct, kw_only=True):
    """All routes: by exact name, patterns with the longest first, aliases by name.

    `hidden` are the aliases that no list shows.
    """

    exact: dict[str, Route]
    wildcards: tuple[Route, ...]
    aliases: dict[str, str]
    hidden: set[str]

    def has(self, name: str) -> bool:
        """Whether a call for this name finds a route (a pattern may catch it)."""
        if name in self.exact or name in self.aliases:
            return True
        names = (name, in_full(name, VENDOR_NAMES) or name)
        return any(_catches(route.name, each) for route in self.wildcards for each in names)


def compile_routes(
    entries: Iterable[Entry],
    root: Node,
    strategy: str,
    report: Report,
    catalogue: Catalogue | None = None,
) -> Routes:
    """Group the entries by public name, and give each group what is to be done when it fails."""
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(entry.name, []).append(entry)
    fallbacks = {kind: _fallbacks(root, kind, report) for kind in KINDS}
    affinities = read_affinities(root, report)
    retries = RetryPolicies(root, report)
    strategies = read_strategies(root, report)
    made = [
        _route(name, group, strategies.get(name, strategy), fallbacks, retries.of(name))
        for name, group in groups.items()
    ]
    made = [msgspec.structs.replace(each, affinities=affinities.get(each.name)) for each in made]
    routes = Routes(
        exact={route.name: route for route in made if ANY not in route.name},
        wildcards=tuple(
            sorted((r for r in made if ANY in r.name), key=lambda r: len(r.name), reverse=True)
        ),
        aliases={},
        hidden=set(),
    )
    _add_caught(routes, fallbacks, retries, catalogue)
    _add_aliases(routes, root, report)
    _check_targets(routes, root, report)
    return routes


def _route(
    name: str,
    group: list[Entry],
    strategy: str,
    fallbacks: Mapping[str, Mapping[str, list[str]]],
    retries: Mapping[str, int],
) -> Route:
    groups = dict.fromkeys(group_name for entry in group for group_name in entry.access_groups)
    targets = {kind: _targets(name, table) for kind, table in fallbacks.items()}
    return Route(
        name=name,
        deployments=tuple(entry.deployment for entry in group),
        strategy=strategy,
        fallbacks=targets["fallbacks"],
        context_window_fallbacks=targets["context_window_fallbacks"],
        content_policy_fallbacks=targets["content_policy_fallbacks"],
        access_groups=tuple(groups),
        retries=retries,
    )


def _add_caught(
    routes: Routes,
    fallbacks: Mapping[str, Mapping[str, list[str]]],
    retries: RetryPolicies,
    catalogue: Catalogue | None,
) -> None:
    """Give a route of its own to each name that is caught by a wildcard and has its own policy."""
    named = dict.fromkeys(
        [*(name for table in fallbacks.values() for name in table), *retries.groups]
    )
    for name in named:
        if name in routes.exact or ANY in name:
            continue
        full = in_full(name, VENDOR_NAMES)
        route = _caught(routes, name, catalogue) or _caught(routes, full, catalogue)
        if route is not None:
            targets = {kind: _targets(name, table) for kind, table in fallbacks.items()}
            own = {"retries": retries.of(name), "hidden": True, **targets}
            routes.exact.setdefault(route.name, msgspec.structs.replace(route, **own))


def _caught(routes: Routes, name: str | None, catalogue: Catalogue | None) -> Route | None:
    if name is None:
        return None
    caught = (expand(route, name, catalogue) for route in routes.wildcards)
    return next((each for each in caught if each is not None), None)


def _targets(name: str, table: Mapping[str, list[str]]) -> tuple[str, ...]:
    chosen = table.get(name) or table.get(name.partition("/")[2]) or table.get(ANY) or []
    return tuple(target for target in dict.fromkeys(chosen) if target != name)


def _fallbacks(root: Node, kind: str, report: Report) -> dict[str, list[str]]:
    """Read `[{model: [other, ...]}, ...]`; router_settings win over litellm_settings."""
    table: dict[str, list[str]] = {}
    for path, node in _sections(root, kind):
        for item in node.items() if isinstance(node.value, list) else [node]:
            _read_fallback(item, path, table, report)
        break
    if kind == "fallbacks":
        for path, node in _sections(root, "default_fallbacks"):
            table.setdefault(ANY, []).extend(_names(node, path, report))
            break
    return table


def _read_fallback(item: Node, path: str, table: dict[str, list[str]], report: Report) -> None:
    if not isinstance(item.value, dict):
        report.problem(item.place, path, "each entry must be a mapping such as {model: [other]}")
        return
    for name, targets in item.members():
        table.setdefault(name, []).extend(_names(targets, f"{path}.{name}", report))


def _names(node: Node, path: str, report: Report) -> list[str]:
    if isinstance(node.value, str):
        return [node.value]
    names = [item.value for item in node.items() if isinstance(item.value, str)]
    if not isinstance(node.value, list) or len(names) != len(node.value):
        report.problem(node.place, path, "must be a list of model names")
    return names


def _sections(root: Node, key: str) -> list[tuple[str, Node]]:
    paths = (f"router_settings.{key}", f"litellm_settings.{key}")
    return [(path, node) for path in paths if (node := root.find(path)) is not None and node.value]


def _add_aliases(routes: Routes, root: Node, report: Report) -> None:
    node = root.find("router_settings.model_group_alias")
    for alias, target in node.members() if node is not None else ():
        model = target.get("model") if isinstance(target.value, dict) else target
        name = model.value if model is not None else None
        path = f"router_settings.model_group_alias.{alias}"
        if not isinstance(name, str) or not routes.has(name):
            report.no_effect(target.place, path, "names no model that is served, so it is left out")
            continue
        routes.aliases[alias] = name
        hidden = target.get("hidden")
        if hidden is not None and hidden.value is True:
            routes.hidden.add(alias)


def _check_targets(routes: Routes, root: Node, report: Report) -> None:
    """Warn of fallbacks to nowhere: they would be tried, and fail, only when it matters."""
    for kind in (*KINDS, "default_fallbacks"):
        for path, node in _sections(root, kind):
            for target in _leaves(node):
                if isinstance(target.value, str) and not routes.has(target.value):
                    text = f"{target.value!r} is no model that is served; it can never answer"
                    report.no_effect(target.place, path, text)


def _leaves(node: Node) -> list[Node]:
    if isinstance(node.value, dict):
        return [leaf for _, child in node.members() for leaf in _leaves(child)]
    if isinstance(node.value, list):
        return [leaf for child in node.value for leaf in _leaves(child)]
    return [node]


def _catches(pattern: str, name: str) -> bool:
    """Say whether a pattern with `*` catches a name (each `*` at least one character)."""
    first, *rest = pattern.split(ANY)
    if not name.startswith(first) or not name.endswith(rest[-1]):
        return False
    position = len(first)
    for part in rest:
        position = name.find(part, position + 1)
        if position < 0:
            return False
        position += len(part)
    return True
