"""Who is asked next for one call: retry, other deployments, fallback routes.

A state machine: told of faults, it answers `Try` or `GiveUp`. It opens no socket and reads no
clock. The retry matrix is LiteLLM's (reference of its router), bounded by our own rules: at most
three attempts over everything, full jitter, a retry budget per upstream.
"""

from collections.abc import Callable, Iterator, Sequence

import msgspec

from hx_gateway.core.clock import Random
from hx_gateway.core.errors import (
    ContentRefused,
    ContextWindowExceeded,
    CredentialRefused,
    NoDeployment,
    UpstreamError,
)
from hx_gateway.core.route import Deployment, Route
from hx_gateway.routing.balance import order
from hx_gateway.routing.health import Health

BACKOFF_S = 0.5
BACKOFF_CAP_S = 8.0
RETRY_AFTER_CAP_S = 60.0


class Try(msgspec.Struct, frozen=True, kw_only=True):
    """Ask this deployment, after `wait` seconds. `fallback`: it belongs to another route."""

    deployment: Deployment
    route: Route
    wait: float = 0.0
    retry: bool = False
    fallback: bool = False


class GiveUp(msgspec.Struct, frozen=True, kw_only=True):
    """Nobody is left to ask; `fault` is what the client is told."""

    fault: UpstreamError


Step = Try | GiveUp
_NOBODY = NoDeployment("No deployment of this model can be asked now; try again shortly.")


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How often to try again. `retries` within a route, `attempts` over everything."""

    retries: int = 2
    attempts: int = 3
    fallbacks: int = 5
    minimum_wait_s: float = 0.0
    use_fallbacks: bool = True


class Plan:
    """The attempts of one call. Nearly every call needs only `first`, so the rest is lazy."""

    __slots__ = (
        "_asked",
        "_attempts",
        "_current",
        "_fallbacks",
        "_find",
        "_fits",
        "_health",
        "_in_route",
        "_origin",
        "_policy",
        "_random",
        "_route",
        "_tiers",
        "_visited",
    )

    def __init__(
        self,
        route: Route,
        *,
        find: Callable[[str], Route | None],
        health: Health,
        random: Random,
        policy: RetryPolicy,
        fits: Callable[[Deployment], bool] | None = None,
    ) -> None:
        """`find` looks fallback routes up; `fits` leaves out deployments that cannot take it."""
        self._find = find
        self._health = health
        self._random = random
        self._policy = policy
        self._fits = fits
        self._attempts = 0
        self._in_route = 0
        self._fallbacks = 0
        self._current: Deployment | None = None
        self._origin = self._route = route
        self._visited: set[str] | None = None
        self._tiers: Sequence[Sequence[Deployment]] | None = None
        self._asked: tuple[str, ...] = ()

    def first(self, now: float) -> Step:
        """Say whom to ask first: a usable deployment, a fallback's, else the least bad of all.

        Never all open: when everything cools down, one is asked all the same.
        """
        deployments = self._route.deployments
        if len(deployments) == 1 and self._fits is None:
            chosen = deployments[0] if self._health.is_usable(deployments[0], now) else None
        else:
            chosen = self._pick(now)
        if chosen is not None:
            return self._try(chosen)
        step = self._fall_back(_NOBODY, now)
        if isinstance(step, Try):
            return step
        self._enter(self._origin)
        everyone = [each for tier in self._candidates() for each in tier]
        if not everyone:
            return step
        return self._try(min(everyone, key=lambda each: self._health.of(each).open_until))

    def begun(self, step: Try) -> "Plan":
        """Take over after a first attempt that was made without a plan; gives itself."""
        self._try(step.deployment)
        return self

    def after(self, fault: UpstreamError, now: float) -> Step:
        """Say what to do now that the last try has failed."""
        if isinstance(fault, ContextWindowExceeded | ContentRefused) or not fault.retryable:
            return self._fall_back(fault, now)
        if self._in_route <= self._policy.retries and self._has_attempts(fault):
            step = self._retry(fault, now)
            if step is not None:
                return step
        return self._fall_back(fault, now)

    def _retry(self, fault: UpstreamError, now: float) -> Try | None:
        """Another deployment of the route at once, else the same one after a while."""
        other = self._pick(now)
        if other is not None:
            return self._try(other, retry=True)
        current = self._current
        if current is None or not fault.transient or isinstance(fault, CredentialRefused):
            return None
        if not self._health.may_retry(current, now):
            return None
        wait = self._delay(fault)
        return None if wait is None else self._try(current, wait=wait, retry=True)

    def _delay(self, fault: UpstreamError) -> float | None:
        """Obey Retry-After (up to a minute, else give up); else full jitter on 0.5 * 2^n."""
        if fault.retry_after_s is not None:
            if fault.retry_after_s > RETRY_AFTER_CAP_S:
                return None
            return fault.retry_after_s + self._random.random() * 0.25
        ceiling = min(BACKOFF_S * 2.0 ** (self._in_route - 1), BACKOFF_CAP_S)
        return max(self._random.random() * ceiling, self._policy.minimum_wait_s)

    def _fall_back(self, fault: UpstreamError, now: float) -> Step:
        if self._policy.use_fallbacks and self._attempts < self._policy.attempts:
            for route in self._routes_after(fault):
                self._enter(route)
                chosen = self._pick(now)
                if chosen is not None:
                    return self._try(chosen, fallback=True)
        return GiveUp(fault=fault)

    def _routes_after(self, fault: UpstreamError) -> Iterator[Route]:
        visited = self._visited = self._visited or {self._origin.name}
        for name in _fallback_names(self._origin, fault):
            if name in visited or self._fallbacks >= self._policy.fallbacks:
                continue
            visited.add(name)
            self._fallbacks += 1
            route = self._find(name)
            if route is not None:
                yield route

    def _has_attempts(self, fault: UpstreamError) -> bool:
        """Keep one attempt for a fallback route, if there is one to go to."""
        names = _fallback_names(self._origin, fault) if self._policy.use_fallbacks else ()
        visited = self._visited or {self._origin.name}
        kept = 1 if any(name not in visited for name in names) else 0
        return self._attempts < self._policy.attempts - kept

    def _enter(self, route: Route) -> None:
        self._route = route
        self._in_route = 0
        self._tiers = None
        self._asked = ()

    def _candidates(self) -> Sequence[Sequence[Deployment]]:
        if self._tiers is None:
            self._tiers = _tiers(self._route, self._fits)
        return self._tiers

    def _pick(self, now: float) -> Deployment | None:
        """Choose among the usable ones of the lowest tier; none when all were asked or cool down.

        A second attempt, wherever it goes, must be in that upstream's retry budget.
        """
        for tier in self._candidates():
            usable = [
                each
                for each in tier
                if each.id not in self._asked and self._health.is_usable(each, now)
            ]
            if self._attempts:
                usable = [each for each in usable if self._health.may_retry(each, now)]
            if usable:
                return next(order(usable, self._route.strategy, self._health, self._random))
        return None

    def _try(
        self,
        deployment: Deployment,
        *,
        wait: float = 0.0,
        retry: bool = False,
        fallback: bool = False,
    ) -> Try:
        self._current = deployment
        self._asked = (*self._asked, deployment.id)
        self._attempts += 1
        self._in_route += 1
        return Try(
            deployment=deployment, route=self._route, wait=wait, retry=retry, fallback=fallback
        )


def _tiers(
    route: Route, fits: Callable[[Deployment], bool] | None
) -> Sequence[Sequence[Deployment]]:
    """Group by `order`, lowest first; what does not fit is left out."""
    if len(route.deployments) == 1 and fits is None:
        return (route.deployments,)
    tiers: dict[int, list[Deployment]] = {}
    for deployment in route.deployments:
        if fits is None or fits(deployment):
            tiers.setdefault(deployment.order, []).append(deployment)
    return [tiers[key] for key in sorted(tiers)]


def _fallback_names(route: Route, fault: UpstreamError) -> tuple[str, ...]:
    if isinstance(fault, ContextWindowExceeded):
        return route.context_window_fallbacks
    if isinstance(fault, ContentRefused):
        return route.content_policy_fallbacks
    return route.fallbacks if fault.retryable or fault is _NOBODY else ()
