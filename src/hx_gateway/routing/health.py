"""The breaker: which deployments may be asked, judged by how the last calls went.

Fed with outcomes and the time, asked by balance and plan. Holds state of this process only; reads
no clock. The rules are `docs/decisions/0004-breaker-and-retry-budget.md`.
"""

from collections.abc import Callable, Sequence

from hx_gateway.core.errors import CredentialRefused, ModelMissing, TimedOut, UpstreamError
from hx_gateway.core.route import ANY_FAULT, Deployment
from hx_gateway.routing.kinds import kind_of
from hx_gateway.routing.vitals import TIMEOUT_S, State, Vitals

__all__ = ["Health", "State", "Vitals"]

RETRY_RATIO = 0.2
RETRY_MINIMUM = 3
FAILURES_IN_A_ROW = 3
FAILURE_RATIO = 0.5
FAILURE_MINIMUM = 5
ALLOWED_WINDOW_S = 60.0
_SAME_S = 0.1  # ends that are no further apart are one: a clock is read twice


class Health:
    """The vitals of all deployments, by deployment id. Survives a reload."""

    def __init__(self, *, cooldown_s: float = 5.0, enabled: bool = True) -> None:
        """`cooldown_s` is the default; `enabled` False keeps every breaker closed.

        `on_open` is told of each cooldown; `on_refused` of those that an upstream's answer caused,
        `on_lost` of the others: what it says is as true for everybody, but that it cannot be
        reached may be the fault of this machine. `promised` second attempts are about to begin,
        nobody knows yet where: each might use up anybody's budget.
        """
        self._cooldown_s = cooldown_s
        self._enabled = enabled
        self._vitals: dict[str, Vitals] = {}
        self.promised = 0
        self.on_open: Callable[[Deployment, float], None] = _unheard
        self.on_refused: Callable[[Deployment], None] = _untold
        self.on_lost: Callable[[Deployment], None] = _untold

    def configure(self, *, cooldown_s: float, enabled: bool) -> None:
        """Take over new settings after a reload."""
        self._cooldown_s = cooldown_s
        self._enabled = enabled

    def of(self, deployment: Deployment) -> Vitals:
        """Get the vitals of a deployment, new ones when it is unknown."""
        vitals = self._vitals.get(deployment.id)
        if vitals is None:
            vitals = self._vitals[deployment.id] = Vitals()
        return vitals

    def is_usable(self, deployment: Deployment, now: float) -> bool:
        """Say whether it may be asked: closed, or half open with no probe under way."""
        vitals = self._vitals.get(deployment.id)
        if vitals is None or not vitals.open_until:
            return True
        return now >= vitals.open_until and now >= vitals.probe_until

    def sort_out(
        self, deployments: Sequence[Deployment], now: float
    ) -> tuple[list[Deployment], list[Deployment]]:
        """Give those in use, and those that may be tried again; what cools down is left out.

        One look at each: this is asked for every call of a route with a choice.
        """
        closed: list[Deployment] = []
        on_trial: list[Deployment] = []
        known = self._vitals
        for each in deployments:
            vitals = known.get(each.id)
            if vitals is None or not vitals.open_until:
                closed.append(each)
            elif now >= vitals.open_until and now >= vitals.probe_until:
                on_trial.append(each)
        return closed, on_trial

    def is_closed(self, deployment: Deployment) -> bool:
        """Say whether its breaker is closed."""
        vitals = self._vitals.get(deployment.id)
        return vitals is None or not vitals.open_until

    def failed(
        self, deployment: Deployment, now: float, fault: UpstreamError, *, alone: bool
    ) -> None:
        """Note a fault; may open the breaker. `alone`: there is no other deployment to use."""
        vitals = self.of(deployment)
        if not fault.retryable or (deployment.is_filled and isinstance(fault, ModelMissing)):
            if fault.upstream_status is not None:
                vitals.alive(now)  # the caller's own mistake, and somebody who saw it
            return
        vitals.failures += 1
        vitals.failures_in_a_row += 1
        vitals.outcomes.append((now, True))
        if fault.upstream_status is not None:
            vitals.heard_at = now
        if isinstance(fault, TimedOut):
            vitals.per_token.add(now, TIMEOUT_S)
            vitals.first.add(now, TIMEOUT_S)
        if vitals.open_until or _should_open(vitals, deployment, now, fault, alone=alone):
            is_said = fault.upstream_status is not None
            tell = self.on_refused if is_said else self.on_lost
            self._open(deployment, now, self._cooldown(deployment, fault), tell)

    def heard(self, deployment: Deployment, now: float, *, age_s: float, left_s: float) -> bool:
        """Take over that another process took it out `age_s` ago; says whether it is news here.

        Whoever has had an answer since then knows better.
        """
        vitals = self.of(deployment)
        knows_better = vitals.heard_at > now - age_s and not vitals.failures_in_a_row
        until = now + left_s
        if not self._enabled or knows_better or vitals.open_until > until - _SAME_S:
            return False
        vitals.open_until, vitals.cooldown_s, vitals.probe_until = until, age_s + left_s, 0.0
        return True

    def woke(self, deployment: Deployment, now: float) -> None:
        """Note that it can be reached again: the next call may find out whether it answers."""
        vitals = self._vitals.get(deployment.id)
        if vitals is not None and vitals.open_until > now:
            vitals.open_until = now

    def stalled(self, deployment: Deployment, now: float) -> None:
        """Note that it does not answer at all: what waits there may never end, so it counts now."""
        self._open(deployment, now, self._cooldown(deployment, None), self.on_lost)
        self.of(deployment).is_stalled = True

    def untold(self, deployment: Deployment) -> None:
        """Note that an attempt ended without a verdict: its client left. Another one may try."""
        self.of(deployment).probe_until = 0.0

    def _open(
        self,
        deployment: Deployment,
        now: float,
        cooldown_s: float,
        tell: Callable[[Deployment], None],
    ) -> None:
        if not self._enabled:
            return
        vitals = self.of(deployment)
        vitals.cooldown_s = cooldown_s
        vitals.open_until = now + cooldown_s
        vitals.probe_until = 0.0
        vitals.is_stalled = False
        self.on_open(deployment, cooldown_s)
        tell(deployment)

    def may_retry(self, deployment: Deployment, now: float) -> bool:
        """Say whether its retry budget allows one more: 20 % of the last 10 s, at least 3."""
        vitals = self.of(deployment)
        vitals.trim(now)
        # Retries are not requests: counted in, the budget would feed itself (25 % instead of 20 %).
        requests = len(vitals.outcomes) - len(vitals.retries)
        allowed = max(RETRY_MINIMUM, int(requests * RETRY_RATIO))
        return len(vitals.retries) + self.promised < allowed

    def may_move(self, deployment: Deployment, now: float, since: float) -> bool:
        """Say whether a call that waits elsewhere in vain, since a time, may come here.

        Beyond the budget, too, where answers came meanwhile or nobody waits for one: unlike a
        retry it adds nothing to what is asked, it only takes its share away from who hangs.
        """
        vitals = self.of(deployment)
        works = vitals.heard_at > since or not vitals.in_flight
        return works or self.may_retry(deployment, now)

    def _cooldown(self, deployment: Deployment, fault: UpstreamError | None) -> float:
        if deployment.cooldown_s is not None:
            return deployment.cooldown_s
        return (fault.retry_after_s if fault is not None else None) or self._cooldown_s


def _unheard(_deployment: Deployment, _seconds: float) -> None:
    pass


def _untold(_deployment: Deployment) -> None:
    pass


def _should_open(
    vitals: Vitals, deployment: Deployment, now: float, fault: UpstreamError, *, alone: bool
) -> bool:
    if deployment.allowed_fails:
        return _exceeds_allowance(vitals, deployment, now, fault)
    if isinstance(fault, CredentialRefused | ModelMissing):
        return not alone
    if fault.upstream_status == 429:
        return not alone or fault.retry_after_s is not None
    if vitals.failures_in_a_row >= FAILURES_IN_A_ROW:
        return True
    vitals.trim(now)
    failures = sum(failed for _, failed in vitals.outcomes)
    return failures >= FAILURE_MINIMUM and failures > len(vitals.outcomes) * FAILURE_RATIO


def _exceeds_allowance(
    vitals: Vitals, deployment: Deployment, now: float, fault: UpstreamError
) -> bool:
    """Follow LiteLLM's `allowed_fails` and its policy: more faults of a kind than allowed."""
    kind: str = kind_of(fault)
    if kind not in deployment.allowed_fails:
        kind = ANY_FAULT
    count = vitals.count_fault(now, kind, ALLOWED_WINDOW_S)
    allowed = deployment.allowed_fails.get(kind)
    return allowed is not None and count > allowed
