"""Public model names and what stands behind them: exact names, aliases, wildcards."""

import re
from collections.abc import Iterable, Mapping

import msgspec

from hx_gateway.core.errors import InvalidRequest, UnknownModel
from hx_gateway.core.facts import Catalogue, informed
from hx_gateway.core.route import Deployment, Route
from hx_gateway.core.snapshot import Snapshot

MAX_EXPANDED = 4096


class Table:
    """The routes of one snapshot. Looking an exact name up costs one dict access."""

    def __init__(self, snapshot: Snapshot) -> None:
        """Index the routes; wildcards are tried longest pattern first."""
        self._routes = snapshot.routes
        self._aliases = snapshot.aliases
        self._hidden_aliases = snapshot.hidden_aliases
        self._wildcards = [(_pattern(route.name), route) for route in snapshot.wildcards]
        self._catalogue = snapshot.catalogue
        self._vendor_names = snapshot.vendor_names
        self._expanded: dict[str, Route] = {}
        self._default = snapshot.routing.default_group
        self._unknown_status = snapshot.routing.unknown_model_status

    def find(self, model: str) -> Route:
        """Find the route of a public name; raises UnknownModel."""
        route = self._routes.get(model) or self._expanded.get(model)
        if route is not None:
            return route
        alias = self._aliases.get(model)
        if alias is not None and alias != model:
            return self.find(alias)
        return self._expand(model)

    def get(self, model: str) -> Route | None:
        """Get the route of a public name, or None."""
        try:
            return self.find(model)
        except UnknownModel:
            return None

    def unknown(self, model: str) -> UnknownModel:
        """Say that there is no such model."""
        return UnknownModel(
            f"The model '{_shown(model)}' does not exist. GET /v1/models lists those that do.",
            param="model",
            status=self._unknown_status,
        )

    def way_to(self, model: str) -> str:
        """Say how the route of a public name is found: by `name`, `alias` or `pattern`."""
        if model in self._routes:
            return "name"
        return "alias" if self._aliases.get(model, model) != model else "pattern"

    def default(self, group: str | None) -> str:
        """Name the model of a request without one: the group of its header, else the default."""
        name = group or self._default
        if name is None:
            raise InvalidRequest("'model' is required.", param="model", code="missing_model")
        return name

    def names(self) -> list[str]:
        """List the public names: routes that are not hidden, and aliases; no wildcards."""
        shown = [name for name, route in self._routes.items() if not route.hidden]
        return shown + [
            name
            for name in self._aliases
            if name not in self._routes and name not in self._hidden_aliases
        ]

    def patterns(self) -> list[str]:
        """List the wildcard names."""
        return [route.name for _, route in self._wildcards]

    def shown(self) -> Iterable[Route]:
        """Iterate over the routes that people configured by name, wildcards last."""
        return (route for route in self.routes() if not route.hidden)

    def routes(self) -> Iterable[Route]:
        """Iterate over all routes, wildcards last."""
        yield from self._routes.values()
        yield from (route for _, route in self._wildcards)

    def _expand(self, model: str) -> Route:
        expanded = self._caught(model) or self._caught_in_full(model)
        if expanded is not None:
            # Bounded: names come from callers.
            if len(self._expanded) < MAX_EXPANDED:
                self._expanded[model] = expanded
            return expanded
        raise self.unknown(model)

    def _caught(self, model: str) -> Route | None:
        known = self._catalogue
        filled = (_filled(route, pattern, model, known) for pattern, route in self._wildcards)
        return next((each for each in filled if each is not None), None)

    def _caught_in_full(self, model: str) -> Route | None:
        """Try a plain name (`gpt-4o`) with its vendor's prefix, as LiteLLM does."""
        name = in_full(model, self._vendor_names) if self._wildcards else None
        if name is None:
            return None
        own = self._routes.get(name)  # a caught name with a policy of its own
        return own if own is not None and own.pattern is not None else self._caught(name)


def in_full(model: str, vendor_names: Iterable[tuple[str, str]]) -> str | None:
    """Put the vendor's prefix before a plain name; None when it has one, or is no vendor's."""
    if "/" in model:
        return None
    vendors = (vendor for begin, vendor in vendor_names if model.startswith(begin))
    vendor = next(vendors, None)
    return None if vendor is None else f"{vendor}/{model}"


def expand(route: Route, model: str, catalogue: Catalogue | None = None) -> Route | None:
    """Make the route of a name that a wildcard catches; None when it does not."""
    return _filled(route, _pattern(route.name), model, catalogue)


def _filled(
    route: Route, pattern: re.Pattern[str], model: str, catalogue: Catalogue | None
) -> Route | None:
    caught = pattern.fullmatch(model)
    if caught is None:
        return None
    filled = tuple(_fill(each, caught) for each in route.deployments)
    if catalogue is not None:
        filled = tuple(informed(each, catalogue) for each in filled)
    return msgspec.structs.replace(route, name=model, pattern=route.name, deployments=filled)


def _pattern(name: str) -> re.Pattern[str]:
    return re.compile("(.+)".join(re.escape(part) for part in name.split("*")), re.DOTALL)


def _fill(deployment: Deployment, caught: re.Match[str]) -> Deployment:
    model = deployment.model
    for text in caught.groups():
        model = model.replace("*", text, 1)
    return msgspec.structs.replace(deployment, model=model, is_filled=True)


def _shown(model: str) -> str:
    """Keep what a caller wrote short and on one line."""
    return "".join(c if c.isprintable() else "?" for c in model[:100])


def group_of(routes: Mapping[str, Route], deployment: Deployment) -> str | None:
    """Name the first route that holds a deployment; None when none does."""
    return next((name for name, route in routes.items() if deployment in route.deployments), None)
