"""Who is asked next for one call: retry, other deployments, fallback routes.

A state machine: told of faults, it answers `Try` or `GiveUp`. It opens no socket and reads no
clock. The retry matrix is LiteLLM's (reference of its router), bounded by our own rules: at most
three attempts over everything, full jitter, a retry budget per upstream.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec
from msgspec import Raw

from hx_gateway.core.call import Detour, Wishes
from hx_gateway.core.clock import Random
from hx_gateway.core.errors import (
    ContentRefused,
    ContextWindowExceeded,
    CredentialRefused,
    NodeBusy,
    NoDeployment,
    UpstreamError,
)
from hx_gateway.core.route import ANY_FAULT, Deployment, Route
from hx_gateway.routing.balance import Moment, Pick, pick
from hx_gateway.routing.fitness import Fitness
from hx_gateway.routing.health import Health
from hx_gateway.routing.kinds import Kind, kind_of
from hx_gateway.routing.meter import Meter
from hx_gateway.routing.pins import Pins
from hx_gateway.routing.purse import Purses

BACKOFF_S = 0.5
BACKOFF_CAP_S = 8.0
RETRY_AFTER_CAP_S = 60.0
NEVER = float("inf")


class Try(msgspec.Struct, frozen=True, kw_only=True):
    """Ask this deployment, after `wait` seconds. `fallback`: it belongs to another route.

    `fields` are those of the body that the caller wants changed for this fallback. `queue`: all of
    these are taken; ask the first one that is free again.
    """

    deployment: Deployment
    route: Route
    wait: float = 0.0
    retry: bool = False
    fallback: bool = False
    fields: Mapping[str, Raw] = {}
    queue: tuple[Deployment, ...] = ()


class GiveUp(msgspec.Struct, frozen=True, kw_only=True):
    """Nobody is left to ask; `fault` is what the client is told."""

    fault: UpstreamError


Step = Try | GiveUp
_NOBODY = "No deployment of this model can be asked now; try again shortly."


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How often to try again. `retries` within a route, `attempts` over everything."""

    retries: int = 2
    attempts: int = 3
    fallbacks: int = 5
    minimum_wait_s: float = 0.0


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """What all plans of one snapshot stand on. `strategies`: how to choose, by name."""

    health: Health
    random: Random
    policy: RetryPolicy
    strategies: Mapping[str, Pick]
    meter: Meter | None = None
    purses: Purses | None = None
    pins: Pins | None = None


class Errand(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan must know of its call. `fit` applies a route's own rules to it, if it has any.

    `find` gives a fallback route that exists and that the caller may use. Nothing is begun after
    `deadline` (monotonic seconds).
    """

    find: Callable[[str], Route | None]
    fit: Callable[[Route], Fitness | None] | None = None
    wishes: Wishes | None = None
    stream: bool = False
    deadline: float = NEVER


class Plan:
    """The attempts of one call. Nearly every call needs only `first`, so the rest is lazy."""

    __slots__ = (
        "_asked", "_attempts", "_current", "_errand", "_fallbacks", "_fields", "_fit", "_full",
        "_ground", "_in_route", "_origin", "_reason", "_route", "_tiers", "_visited",
    )  # fmt: skip

    def __init__(self, route: Route, ground: Ground, errand: Errand) -> None:
        """Begin at the route that was asked for."""
        self._ground = ground
        self._errand = errand
        self._attempts = 0
        self._fallbacks = 0
        self._current: Deployment | None = None
        self._origin = route
        self._visited: set[str] = {route.name}
        self._asked: tuple[str, ...] = ()
        self._full: tuple[Deployment, ...] = ()
        self._reason: UpstreamError | None = None
        self._fields: Mapping[str, Raw] = {}
        self._enter(route)

    @property
    def deadline(self) -> float:
        """The moment (monotonic) after which nothing is begun."""
        return self._errand.deadline

    def first(self, now: float) -> Step:
        """Say whom to ask first: a usable deployment, a fallback's, else the least bad of all.

        Never all open: when everything cools down, one is asked all the same.
        """
        begun = self._elsewhere(now)
        if begun is not None:
            return begun
        fault = self._reason or NoDeployment(_NOBODY)
        step = self._fall_back(fault, now)
        if isinstance(step, Try):
            return step
        self._enter(self._origin)
        health = self._ground.health
        everyone = [each for tier in self._candidates() for each in tier if self._fits(each, now)]
        if not everyone:
            return step
        return self._try(min(everyone, key=lambda each: health.of(each).open_until))

    def begun(self, step: Try) -> "Plan":
        """Take over after a first attempt that was made without a plan; gives itself."""
        self._try(step.deployment)
        return self

    def moved(self, deployment: Deployment) -> None:
        """Note that of those in the queue this one was asked."""
        self._current = deployment
        self._asked = (*self._asked[:-1], deployment.id)

    def after(self, fault: UpstreamError, now: float) -> Step:
        """Say what to do now that the last try has failed."""
        if now >= self._errand.deadline:
            return GiveUp(fault=fault)
        if self._is_retried(fault) and self._has_attempts(fault):
            step = self._retry(fault, now)
            if step is not None:
                return step
        return self._fall_back(fault, now)

    def has_elsewhere(self, now: float) -> bool:
        """Say whether somebody else could be asked now, if the last try were given up."""
        if self._attempts >= self._ground.policy.attempts or now >= self._errand.deadline:
            return False
        if self._in_route <= self._retries(Kind.TIMEOUT) and self._pick(now) is not None:
            return True
        find = self._errand.find
        return self._uses_fallbacks and any(
            find(each.model) is not None and each.model not in self._visited
            for each in self._detours(None)
        )

    def _is_retried(self, fault: UpstreamError) -> bool:
        if isinstance(fault, NodeBusy):
            return False  # it has waited long enough
        kind = kind_of(fault)
        is_own = isinstance(fault, ContextWindowExceeded | ContentRefused) or not fault.retryable
        if is_own and not self._insists(kind):
            return False
        return self._in_route <= self._retries(kind)

    def _insists(self, kind: Kind) -> bool:
        """Whether the configuration itself wants this kind of fault to be tried again."""
        return self._route.retries.get(kind, 0) > 0

    def _retries(self, kind: Kind) -> int:
        """How often to try again in this route: the caller's wish, else the nearest setting."""
        wishes, rules = self._errand.wishes, self._route.retries
        if wishes is not None and wishes.retries is not None:
            return wishes.retries
        by_rule = rules.get(kind, rules.get(ANY_FAULT))
        if by_rule is not None:
            return by_rule
        of_deployment = self._current.max_retries if self._current is not None else None
        return self._ground.policy.retries if of_deployment is None else of_deployment

    def _retry(self, fault: UpstreamError, now: float) -> Try | None:
        """Another deployment of the route at once, else the same one after a while."""
        other = self._elsewhere(now, retry=True)
        if other is not None:
            return other
        current = self._current
        if current is None or isinstance(fault, CredentialRefused):
            return None
        if not (fault.transient or self._insists(kind_of(fault))):
            return None
        if not self._ground.health.may_retry(current, now):
            return None
        wait = self._delay(fault)
        if wait is None or now + wait >= self._errand.deadline:
            return None
        return self._try(current, wait=wait, retry=True)

    def _delay(self, fault: UpstreamError) -> float | None:
        """Obey Retry-After (up to a minute, else give up); else full jitter on 0.5 * 2^n."""
        chance = self._ground.random.random()
        if fault.retry_after_s is not None:
            if fault.retry_after_s > RETRY_AFTER_CAP_S:
                return None
            return fault.retry_after_s + chance * 0.25
        ceiling = min(BACKOFF_S * 2.0 ** (self._in_route - 1), BACKOFF_CAP_S)
        return max(chance * ceiling, self._ground.policy.minimum_wait_s)

    def _fall_back(self, fault: UpstreamError, now: float) -> Step:
        if self._uses_fallbacks and self._attempts < self._ground.policy.attempts:
            later = self._next_order(fault, now)
            if later is not None:
                return self._try(later, retry=True)
            for detour, route in self._routes_after(fault):
                self._enter(route)
                chosen = self._pick(now)
                if chosen is not None:
                    self._fields = detour.fields
                    return self._try(chosen, fallback=True)
        return GiveUp(fault=fault)

    def _next_order(self, fault: UpstreamError, now: float) -> Deployment | None:
        """Choose of the route's later tiers: LiteLLM's first fallback, which is no retry."""
        if self._current is None or not fault.retryable or not self._has_attempts(fault):
            return None
        return self._pick(now, self._current.order)

    @property
    def _uses_fallbacks(self) -> bool:
        wishes = self._errand.wishes
        return wishes is None or wishes.use_fallbacks

    def _routes_after(self, fault: UpstreamError) -> Iterator[tuple[Detour, Route]]:
        for detour in self._detours(fault):
            if detour.model in self._visited or self._fallbacks >= self._ground.policy.fallbacks:
                continue
            self._visited.add(detour.model)
            self._fallbacks += 1
            route = self._errand.find(detour.model)
            if route is not None:
                yield detour, route

    def _detours(self, fault: UpstreamError | None) -> Iterable[Detour]:
        """Give where to fall back to: the caller's own list, else the configured one.

        A fault of the context window or the content policy has lists of its own, used if they say
        anything; no other mistake of the caller is answered elsewhere.
        """
        wishes, route = self._errand.wishes, self._origin
        wished: tuple[Detour, ...] = wishes.fallbacks if wishes is not None else ()
        names = route.fallbacks
        if isinstance(fault, ContextWindowExceeded):
            wished = (wishes.context_window_fallbacks if wishes is not None else ()) or wished
            names = route.context_window_fallbacks or names
        elif isinstance(fault, ContentRefused):
            wished = (wishes.content_policy_fallbacks if wishes is not None else ()) or wished
            names = route.content_policy_fallbacks or names
        elif fault is not None and not (fault.retryable or isinstance(fault, NoDeployment)):
            return ()
        return wished or [Detour(model=name) for name in names]

    def _has_attempts(self, fault: UpstreamError) -> bool:
        """Keep one attempt for a fallback route, if there is one to go to."""
        attempts = self._ground.policy.attempts
        detours = self._detours(fault) if self._uses_fallbacks else ()
        kept = 1 if any(each.model not in self._visited for each in detours) else 0
        return self._attempts < attempts - kept

    def _enter(self, route: Route) -> None:
        self._route = route
        self._in_route = 0
        self._tiers: Sequence[Sequence[Deployment]] | None = None
        self._asked = self._full = ()
        self._fields = {}
        fit = self._errand.fit
        self._fit = None if fit is None else fit(route)

    def _candidates(self) -> Sequence[Sequence[Deployment]]:
        if self._tiers is None:
            deployments = self._route.deployments
            if self._fit is not None:
                try:
                    deployments = tuple(self._fit.admit(self._route))
                except UpstreamError as reason:
                    self._reason = self._reason or reason
                    deployments = ()
            self._tiers = _tiers(deployments)
        return self._tiers

    def _fits(self, deployment: Deployment, now: float) -> bool:
        """Say whether it has room; if not, keep why."""
        reason = None if self._fit is None else self._fit.obstacle(deployment, now)
        if reason is None:
            return True
        self._reason = self._reason or reason
        if isinstance(reason, NodeBusy):
            self._full = (*self._full, deployment)
        return False

    def _pick(self, now: float, beyond: int | None = None) -> Deployment | None:
        """Choose among the usable ones of the lowest tier; none when all were asked or cool down.

        `beyond` leaves out tiers of this order and below.

        A second attempt, wherever it goes, must be in that upstream's retry budget, and risks no
        probe while there is another. A first one probes what has cooled down: no strategy would
        find out by itself that it is back.
        """
        ground = self._ground
        self._full = ()
        for tier in self._candidates():
            if beyond is not None and tier[0].order <= beyond:
                continue
            closed, on_trial = ground.health.sort_out(tier, now)
            if self._attempts or self._fit is not None:
                closed = [each for each in closed if self._may_ask(each, now)]
                on_trial = [each for each in on_trial if self._may_ask(each, now)]
            if on_trial and not self._attempts:
                return on_trial[0]
            usable: Sequence[Deployment] = closed or on_trial
            if not usable:
                continue
            if self._fit is not None:
                usable = list(self._fit.prefer(usable, now))
            moment = Moment(ground.health, ground.random, now, self._errand.stream, ground.meter)
            chosen = pick(usable, ground.strategies[self._route.strategy], moment)
            if self._fit is not None:
                self._fit.chosen(chosen, now)
            return chosen
        return None

    def _may_ask(self, deployment: Deployment, now: float) -> bool:
        if deployment.id in self._asked:
            return False
        if self._attempts and not self._ground.health.may_retry(deployment, now):
            return False
        return self._fit is None or self._fits(deployment, now)

    def _elsewhere(self, now: float, *, retry: bool = False) -> Try | None:
        """Ask one that was not asked yet, else wait for those that are only full."""
        chosen = self._pick(now)
        if chosen is not None:
            return self._try(chosen, retry=retry)
        return self._try(self._full[0], retry=retry, queue=self._full) if self._full else None

    def _try(
        self,
        deployment: Deployment,
        *,
        wait: float = 0.0,
        retry: bool = False,
        fallback: bool = False,
        queue: tuple[Deployment, ...] = (),
    ) -> Try:
        self._current = deployment
        self._asked = (*self._asked, deployment.id)
        self._attempts += 1
        self._in_route += 1
        return Try(
            deployment=deployment,
            route=self._route,
            wait=wait,
            retry=retry,
            fallback=fallback,
            fields=self._fields,
            queue=queue,
        )


def _tiers(deployments: Sequence[Deployment]) -> Sequence[Sequence[Deployment]]:
    """Group by `order`, lowest first."""
    if len({each.order for each in deployments}) == 1:
        return (deployments,)
    tiers: dict[int, list[Deployment]] = {}
    for deployment in deployments:
        tiers.setdefault(deployment.order, []).append(deployment)
    return [tiers[key] for key in sorted(tiers)]
