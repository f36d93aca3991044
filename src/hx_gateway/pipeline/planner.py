"""Makes the plan of each call from what was decided when the configuration was put to work."""

import re
from collections.abc import Iterable, Mapping

import msgspec

from hx_gateway.auth.policy import allows_model
from hx_gateway.core.call import Call
from hx_gateway.core.clock import Random
from hx_gateway.core.principal import Principal
from hx_gateway.core.route import Route
from hx_gateway.core.snapshot import RoutingSettings
from hx_gateway.pipeline.pinning import Pinning
from hx_gateway.routing.balance import strategies
from hx_gateway.routing.fitness import (
    Fitness,
    FitRules,
    Room,
    Suits,
    minute_room,
    with_a_place,
    within_budget,
)
from hx_gateway.routing.fleet import Fleet
from hx_gateway.routing.fleet_rules import has_nodes, node_preference, node_room, window_room
from hx_gateway.routing.health import Health
from hx_gateway.routing.meter import Meter
from hx_gateway.routing.pins import AFFINITIES, NO_MARKS, PROMPT, PinRules, Pins
from hx_gateway.routing.plan import NEVER, Errand, Ground, Plan, RetryPolicy, Step, Try
from hx_gateway.routing.purse import Purses
from hx_gateway.routing.survey import Prospect, survey
from hx_gateway.routing.table import Table
from hx_gateway.routing.tags import TagRules

HARD_LIMITS = "enforce_model_rate_limits"
BY_USE = frozenset({"usage-based-routing", "usage-based-routing-v2"})


class Planner:
    """Plans calls over the routes of one snapshot. `rules` by the name of a route or a pattern."""

    def __init__(
        self,
        table: Table,
        ground: Ground,
        rules: Mapping[str, FitRules],
        pinning: Pinning | None = None,
    ) -> None:
        """Find the routes where there is nothing to choose, nor anywhere else to go.

        `pinning`: what must be asked before a call is planned; None: nothing.
        """
        self.pinning = pinning
        self._table = table
        self._ground = ground
        self._rules = rules
        self._only_choices = {
            route.name: Try(deployment=route.deployments[0], route=route)
            for route in table.routes()
            if not _needs_plan(route, ground) and route.name not in rules
        }

    def begin(
        self, route: Route, call: Call, principal: Principal, now: float
    ) -> tuple[Plan | None, Step]:
        """Say whom to ask first; nearly always that is the only one there is, without a plan."""
        only = self._only_choices.get(route.name)
        if (
            only is not None
            and call.wishes is None
            and self._ground.health.is_closed(only.deployment)
        ):
            return None, only
        plan = self.plan(route, call, principal)
        return plan, plan.first(now)

    def only_choice(self, route: Route) -> Try | None:
        """Give whom every call of a route asks first, whatever it is; None when that depends."""
        return self._only_choices.get(route.name)

    def plan(self, route: Route, call: Call, principal: Principal) -> Plan:
        """Make the whole plan of a call."""

        def find(name: str) -> Route | None:
            found = self._table.get(name)
            if found is None or not allows_model(principal, name, found.access_groups, found.name):
                return None
            return found

        def fit(entered: Route) -> Fitness | None:
            return self._fitness(entered, call, principal)

        errand = Errand(
            find=find,
            fit=fit if self._rules else None,
            wishes=call.wishes,
            stream=call.stream,
            deadline=_deadline(route, call),
        )
        return Plan(route, self._ground, errand)

    def survey(
        self, route: Route, call: Call, principal: Principal, now: float
    ) -> tuple[Prospect, ...]:
        """Say of each deployment of a route why it would be asked now, or not."""
        return survey(route, self._ground, self._fitness(route, call, principal), now)

    def _fitness(self, route: Route, call: Call, principal: Principal) -> Fitness | None:
        rules = self._rules.get(route.pattern or route.name)
        if rules is None:
            return None
        pins = rules.pins
        marks = NO_MARKS if pins is None else pins.marks_of(call, route, principal.key_id)
        return rules.for_call(call, principal.metadata, route.deployments, marks)


def _needs_plan(route: Route, ground: Ground) -> bool:
    """Whether there is something to choose, somewhere else to go, or a line with an order."""
    has_line = bool(ground.priority) and any(each.max_parallel for each in route.deployments)
    return not route.is_alone or bool(route.fallbacks) or has_line


def _deadline(route: Route, call: Call) -> float:
    """Give the moment after which nothing is begun any more: the caller's, else the upstream's."""
    limit_s = None if call.wishes is None else call.wishes.limit_s(stream=call.stream)
    if limit_s is None and route.deployments:
        limit_s = route.deployments[0].deadlines.total
    return NEVER if limit_s is None else call.started_at + limit_s


def ground_of(
    settings: RoutingSettings,
    health: Health,
    random: Random,
    meter: Meter,
    purses: Purses | None = None,
    pins: Pins | None = None,
) -> Ground:
    """Make what all plans of one snapshot stand on."""
    policy = RetryPolicy(
        retries=settings.num_retries,
        attempts=settings.max_attempts,
        fallbacks=settings.max_fallbacks,
        minimum_wait_s=settings.retry_after_s,
    )
    return Ground(
        health=health,
        random=random,
        policy=policy,
        strategies=strategies(settings.strategy_args),
        meter=meter,
        purses=purses,
        pins=pins,
        priority=settings.default_priority,
    )


def fit_rules(
    routes: Iterable[Route],
    settings: RoutingSettings,
    ground: Ground,
    fleet: Fleet | None = None,
    suits: Suits | None = None,
) -> Mapping[str, FitRules]:
    """Decide what each route asks of its deployments; routes that ask nothing are left out.

    `suits` is for calls that not every deployment of a route answers, as where it has several.
    """
    made = {}
    for route in routes:
        rules = _rules_of(route, settings, ground, fleet)
        asks = suits is not None and not route.is_alone
        made[route.name] = msgspec.structs.replace(rules, suits=suits) if asks else rules
    return {name: rules for name, rules in made.items() if rules != FitRules()}


def looking(rules: Mapping[str, FitRules]) -> Mapping[str, FitRules]:
    """Give the same rules for somebody who only looks: nothing is noted of who is asked."""
    return {
        name: each
        if each.pins is None
        else msgspec.structs.replace(each, pins=msgspec.structs.replace(each.pins, notes=False))
        for name, each in rules.items()
    }


def _with_nodes(rules: FitRules, fleet: Fleet) -> FitRules:
    """Add what a route with nodes asks."""
    context = fleet.settings.context
    refusing = [window_room(fleet)] if context == "refuse" else []
    return msgspec.structs.replace(
        rules,
        counts_tokens=rules.counts_tokens or context != "off",
        rooms=(*rules.rooms, *refusing, node_room(fleet)),
        preferences=(*rules.preferences, node_preference(fleet)),
    )


def counts_use(route: Route, settings: RoutingSettings) -> bool:
    """Say whether the requests and tokens of a route's deployments are counted by the minute."""
    return route.strategy in BY_USE or HARD_LIMITS in settings.optional_pre_call_checks


def affinities_of(route: Route, settings: RoutingSettings) -> frozenset[str]:
    """Name the affinities that a route keeps: its own, else those of all; alone it needs none."""
    own = route.affinities
    wanted = settings.optional_pre_call_checks if own is None else own
    if own is not None and PROMPT in settings.optional_pre_call_checks:
        wanted = (*own, PROMPT)  # no matter of model_group_affinity_config
    return frozenset() if route.is_alone else AFFINITIES.intersection(wanted)


def _tag_rules(route: Route, settings: RoutingSettings) -> TagRules | None:
    """Decide whether tags choose in a route: as one of its deployments says, else as everywhere."""
    all_ = route.deployments
    said = (each.tag_filtering for each in all_ if each.tag_filtering is not None)
    chooses = next(said, settings.tag_filtering)
    if not chooses or not any(each.tags or each.tag_regex for each in all_):
        return None
    patterns = {each.id: tuple(map(re.compile, each.tag_regex)) for each in all_ if each.tag_regex}
    return TagRules(match_any=settings.tag_match_any, prefix=settings.tag_prefix, patterns=patterns)


def _rules_of(
    route: Route, settings: RoutingSettings, ground: Ground, fleet: Fleet | None
) -> FitRules:
    all_ = route.deployments
    rooms: list[Room] = []
    has_limits = any(each.rpm is not None or each.tpm is not None for each in all_)
    is_limited = has_limits and ground.meter is not None and counts_use(route, settings)
    if is_limited and ground.meter is not None:
        rooms.append(minute_room(ground.meter))
    purses = ground.purses
    has_budget = purses is not None and purses.bounds(all_)
    if purses is not None and has_budget:
        rooms.append(within_budget(purses))
    has_places = any(each.max_parallel is not None for each in all_)
    affinities = affinities_of(route, settings)
    rules = FitRules(
        by_tags=_tag_rules(route, settings),
        by_window=settings.pre_call_checks,
        reads_tags=has_budget and purses is not None and purses.reads_tags,
        counts_tokens=is_limited and any(each.tpm is not None for each in all_),
        rooms=tuple(rooms),
        preferences=(with_a_place(ground.health),) if has_places else (),
        pins=PinRules(pins=ground.pins, affinities=affinities, ttl_s=settings.affinity_ttl_s)
        if affinities and ground.pins is not None
        else None,
    )
    return rules if fleet is None or not has_nodes(route) else _with_nodes(rules, fleet)
