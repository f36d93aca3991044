"""Who is asked next for one call: retry, other deployments, fallback routes.

A state machine: told of faults, it answers `Try` or `GiveUp`. It opens no socket and reads no
clock. The retry matrix is LiteLLM's (reference of its router), bounded by our own rules: at most
three attempts over everything, full jitter, a retry budget per upstream. The last attempt is not
spent where the others have failed, if there is a healthy place further on.
"""

from collections.abc import Mapping, Sequence
from functools import partial

import msgspec
from msgspec import Raw

from hx_gateway.core.call import Detour
from hx_gateway.core.errors import (
    ContentRefused,
    ContextWindowExceeded,
    CredentialRefused,
    NodeBusy,
    NoDeployment,
    NotItsOwn,
    Stalled,
    UpstreamError,
)
from hx_gateway.core.route import ANY_FAULT, Deployment, Route
from hx_gateway.routing.detours import detours_of
from hx_gateway.routing.ground import NEVER, Errand, Ground, RetryPolicy
from hx_gateway.routing.group import Allows, Group
from hx_gateway.routing.kinds import Kind, kind_of

__all__ = ["NEVER", "Errand", "GiveUp", "Ground", "Plan", "RetryPolicy", "Step", "Try"]


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


class Spare(msgspec.Struct, frozen=True, gc=False):
    """A fallback route that can be asked now, and by whom."""

    detour: Detour
    group: Group
    usable: Sequence[Deployment]


class Plan:
    """The attempts of one call. Nearly every call needs only `first`, so the rest is lazy."""

    __slots__ = (
        "_asked_at", "_attempts", "_current", "_errand", "_fields", "_ground", "_group", "_known",
        "_path",
    )  # fmt: skip

    def __init__(self, route: Route, ground: Ground, errand: Errand) -> None:
        """Begin at the route that was asked for."""
        self._ground = ground
        self._errand = errand
        self._asked_at = 0.0
        self._attempts = 0
        self._current: Deployment | None = None
        self._group = Group(route, ground, errand)
        self._path: tuple[Route, ...] = (route,)
        self._known: dict[str, Group | None] = {route.name: None}
        self._fields: Mapping[str, Raw] = {}

    @property
    def deadline(self) -> float:
        """The moment (monotonic) after which nothing is begun."""
        return self._errand.deadline

    @property
    def priority(self) -> int:
        """Its place in a line; the lowest comes first."""
        wishes = self._errand.wishes
        wished = None if wishes is None else wishes.priority
        return self._ground.priority if wished is None else wished

    def first(self, now: float) -> Step:
        """Say whom to ask first: a usable deployment, a fallback's, else the least bad of all.

        Never all open: when everything cools down, one is asked all the same.
        """
        self._asked_at = now
        begun = self._elsewhere(now, None)
        if begun is not None:
            return begun
        fault = self._group.reason or NoDeployment(_NOBODY)
        spare = self._spare(fault, now, None)
        if spare is not None:
            return self._enter(spare, now, None)
        least_bad = self._group.least_bad(now)
        return GiveUp(fault=fault) if least_bad is None else self._try(least_bad)

    def begun(self, step: Try) -> "Plan":
        """Take over after a first attempt that was made without a plan; gives itself."""
        self._try(step.deployment)
        return self

    def moved(self, deployment: Deployment) -> None:
        """Note that of those in the queue this one was asked."""
        self._current = deployment
        self._group.moved(deployment)

    def after(self, fault: UpstreamError, now: float) -> Step:
        """Say what to do now that the last try has failed."""
        step = None
        if not self._is_over(now):
            step = self._go_on(fault, now, self._allows(fault))
            if step is None and isinstance(fault, Stalled):
                # It gave up waiting because there was somebody else; others were quicker.
                step = self._go_on(fault, now, _anybody)
        self._asked_at = now
        return GiveUp(fault=fault) if step is None else step

    def has_elsewhere(self, now: float) -> bool:
        """Say whether somebody else could be asked now, if the last try were given up as hung."""
        if self._is_over(now):
            return False
        allows, group = self._may_move, self._group
        if self._spare(None, now, allows) is not None:
            return True
        if group.tries <= self._retries(Kind.TIMEOUT) and group.usable(now, allows):
            return True
        order = None if self._current is None else self._current.order
        return self._uses_fallbacks and bool(group.usable(now, allows, order))

    def _go_on(self, fault: UpstreamError, now: float, allows: Allows) -> Try | None:
        """Retry, else a later tier, else a fallback route."""
        spare = self._spare(fault, now, allows)
        step = self._retry(fault, now, allows, spare) if self._is_retried(fault) else None
        if step is None and fault.retryable and self._uses_fallbacks:
            step = self._next_order(now, allows, spare)
        if step is None and spare is not None:
            step = self._enter(spare, now, allows)
        return step

    def _allows(self, fault: UpstreamError) -> Allows:
        """Say who may be asked after a fault: those with a retry budget left, mostly."""
        if isinstance(fault, Stalled):
            return self._may_move
        # Who made it need not be spared: that is no second attempt there, but the right one.
        return _anybody if isinstance(fault, NotItsOwn) else self._ground.health.may_retry

    @property
    def _may_move(self) -> Allows:
        return partial(self._ground.health.may_move, since=self._asked_at)

    def _is_over(self, now: float) -> bool:
        return self._attempts >= self._ground.policy.attempts or now >= self._errand.deadline

    @property
    def _is_last(self) -> bool:
        """Whether the next attempt is the last one."""
        return self._attempts + 1 >= self._ground.policy.attempts

    def _is_retried(self, fault: UpstreamError) -> bool:
        if isinstance(fault, NodeBusy):
            return False  # it has waited long enough
        kind = kind_of(fault)
        is_own = isinstance(fault, ContextWindowExceeded | ContentRefused) or not fault.retryable
        if is_own and not isinstance(fault, NotItsOwn) and not self._insists(kind):
            return False
        return self._group.tries <= self._retries(kind)

    def _insists(self, kind: Kind) -> bool:
        """Whether the configuration itself wants this kind of fault to be tried again."""
        return self._group.route.retries.get(kind, 0) > 0

    def _retries(self, kind: Kind) -> int:
        """How often to try again in this route: the caller's wish, else the nearest setting."""
        wishes, rules = self._errand.wishes, self._group.route.retries
        if wishes is not None and wishes.retries is not None:
            return wishes.retries
        by_rule = rules.get(kind, rules.get(ANY_FAULT))
        if by_rule is not None:
            return by_rule
        of_deployment = self._current.max_retries if self._current is not None else None
        return self._ground.policy.retries if of_deployment is None else of_deployment

    def _retry(
        self, fault: UpstreamError, now: float, allows: Allows, spare: Spare | None
    ) -> Try | None:
        """Another deployment of the route at once, else the same one after a while.

        The last attempt is for the spare one, else for a later tier: those asked have failed.
        """
        if self._is_last:
            if spare is not None:
                return None
            later = self._next_order(now, allows, None)
            if later is not None:
                return later
        other = self._elsewhere(now, allows, retry=True)
        return self._again(fault, now, spare) if other is None else other

    def _again(self, fault: UpstreamError, now: float, spare: Spare | None) -> Try | None:
        """Ask the same one again, after a while, unless it cannot help and a spare one can."""
        current, health = self._current, self._ground.health
        if current is None or isinstance(fault, CredentialRefused):
            return None
        insists = self._insists(kind_of(fault))
        if not (fault.transient or insists) or not health.may_retry(current, now):
            return None
        if spare is not None and (
            not health.is_closed(current) or (_says_later(fault) and not insists)
        ):
            return None
        chance = self._ground.random.random()
        wait = self._ground.policy.wait_s(fault, self._group.tries, chance)
        if wait is None or now + wait >= self._errand.deadline:
            return None
        return self._try(current, wait=wait, retry=True)

    def _next_order(self, now: float, allows: Allows, spare: Spare | None) -> Try | None:
        """Ask one of the route's later tiers: LiteLLM's first fallback, which is no retry.

        Not with the last attempt, if that is kept for another route.
        """
        if self._current is None or (self._is_last and spare is not None):
            return None
        later = self._group.pick(now, allows, self._current.order)
        return None if later is None else self._try(later, retry=True)

    @property
    def _uses_fallbacks(self) -> bool:
        wishes = self._errand.wishes
        return wishes is None or wishes.use_fallbacks

    def _spare(
        self, fault: UpstreamError | None, now: float, allows: Allows | None
    ) -> Spare | None:
        """Find the first fallback route with somebody who can be asked now."""
        if self._uses_fallbacks:
            for detour in detours_of(self._path, self._errand.wishes, fault):
                group = self._look_at(detour)
                usable = group.usable(now, allows) if group else ()
                if group and usable:
                    return Spare(detour, group, usable)
        return None

    def _look_at(self, detour: Detour) -> Group | None:
        """Get a route that was not asked yet; no more of them than there may be fallbacks."""
        known, key = self._known, detour.key  # None: was asked already, or there is no such route
        if key not in known and len(known) <= self._ground.policy.fallbacks:
            route = self._errand.find(detour.model)
            known[key] = None if route is None else Group(route, self._ground, self._errand)
        return known.get(key)

    def _enter(self, spare: Spare, now: float, allows: Allows | None) -> Try:
        """Go on in a fallback route."""
        self._group = spare.group
        self._path = (*self._path, spare.group.route)
        self._known[spare.detour.key] = None
        self._fields = spare.detour.fields
        chosen = spare.group.choose(spare.usable, now, allows)
        return self._try(chosen, fallback=True)

    def _elsewhere(self, now: float, allows: Allows | None, *, retry: bool = False) -> Try | None:
        """Ask one of the route that was not asked yet, else wait for those that are only full."""
        group = self._group
        chosen = group.pick(now, allows)
        if chosen is not None:
            return self._try(chosen, retry=retry)
        return self._try(group.full[0], retry=retry, queue=group.full) if group.full else None

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
        self._attempts += 1
        self._group.ask(deployment)
        return Try(
            deployment=deployment,
            route=self._group.route,
            wait=wait,
            retry=retry,
            fallback=fallback,
            fields=self._fields,
            queue=queue,
        )


def _anybody(_deployment: Deployment, _now: float) -> bool:
    return True


def _says_later(fault: UpstreamError) -> bool:
    """Whether the upstream itself says that now is too early."""
    return fault.upstream_status == 429 or fault.retry_after_s is not None
