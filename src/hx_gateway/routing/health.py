"""What is known of each deployment: in flight, latency, failures, cooldown, retry budget.

Fed with outcomes and the time, asked by balance and plan. Holds state of this process only; reads
no clock. The rules are `docs/decisions/0004-breaker-and-retry-budget.md`.
"""

from collections import deque
from collections.abc import Callable
from enum import StrEnum

from hx_gateway.core.errors import CredentialRefused, ModelMissing, UpstreamError
from hx_gateway.core.route import Deployment

WINDOW_S = 10.0
RETRY_RATIO = 0.2
RETRY_MINIMUM = 3
FAILURES_IN_A_ROW = 3
FAILURE_RATIO = 0.5
FAILURE_MINIMUM = 5
LATENCY_SAMPLES = 10
DECAY_S = 10.0
PROBE_LEASE_S = 30.0


class State(StrEnum):
    """How a deployment stands with the breaker."""

    CLOSED = "closed"  # in use
    OPEN = "open"  # cooling down
    HALF_OPEN = "half_open"  # one probe may find out


class Vitals:
    """What is known of one deployment."""

    __slots__ = (
        "cooldown_s",
        "failures",
        "failures_in_a_row",
        "in_flight",
        "latencies",
        "open_until",
        "outcomes",
        "probe_until",
        "retries",
        "score_at",
        "score_s",
        "successes",
    )

    def __init__(self) -> None:
        """Start as healthy and unmeasured."""
        self.in_flight = 0
        self.successes = 0
        self.failures = 0
        self.failures_in_a_row = 0
        self.open_until = 0.0
        self.probe_until = 0.0
        self.cooldown_s = 0.0
        self.outcomes: deque[tuple[float, bool]] = deque(maxlen=1024)  # (time, failed)
        self.retries: deque[float] = deque(maxlen=1024)
        self.latencies: deque[float] = deque(maxlen=LATENCY_SAMPLES)
        self.score_s = 0.0
        self.score_at = -DECAY_S

    def state(self, now: float) -> State:
        """Say how it stands."""
        if not self.open_until:
            return State.CLOSED
        return State.OPEN if now < self.open_until else State.HALF_OPEN

    def latency(self) -> float:
        """Give the mean of the last samples in seconds; 0 when unmeasured."""
        return sum(self.latencies) / len(self.latencies) if self.latencies else 0.0

    def trim(self, now: float) -> None:
        """Forget what is older than the window."""
        edge = now - WINDOW_S
        while self.outcomes and self.outcomes[0][0] < edge:
            self.outcomes.popleft()
        while self.retries and self.retries[0] < edge:
            self.retries.popleft()

    def begin(self, now: float, *, retry: bool = False) -> None:
        """Note that it is being asked now."""
        self.in_flight += 1
        if retry:
            self.retries.append(now)
        if self.open_until and now >= self.open_until:
            self.probe_until = now + PROBE_LEASE_S

    def release(self) -> None:
        """Note that an answer is over, however it ended."""
        self.in_flight -= 1

    def succeeded(self, now: float, seconds: float) -> None:
        """Note an answer (its first byte after `seconds`); closes the breaker."""
        self.successes += 1
        if self.failures_in_a_row or self.open_until:
            self.failures_in_a_row = 0
            self.open_until = self.probe_until = self.cooldown_s = 0.0
        self.outcomes.append((now, False))
        self.latencies.append(seconds)
        # An old measurement weighs nothing; a recent one is smoothed.
        is_old = now - self.score_at > DECAY_S
        self.score_s = seconds if is_old else self.score_s * 0.7 + seconds * 0.3
        self.score_at = now


class Health:
    """The vitals of all deployments, by deployment id. Survives a reload."""

    def __init__(self, *, cooldown_s: float = 5.0, enabled: bool = True) -> None:
        """`cooldown_s` is the default; `enabled` False keeps every breaker closed."""
        self._cooldown_s = cooldown_s
        self._enabled = enabled
        self._vitals: dict[str, Vitals] = {}
        self.on_open: Callable[[Deployment, float], None] = _unheard

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

    def failed(
        self, deployment: Deployment, now: float, fault: UpstreamError, *, alone: bool
    ) -> None:
        """Note a fault; may open the breaker. `alone`: there is no other deployment to use."""
        if not fault.retryable:
            return  # the caller's own mistake says nothing about the deployment
        vitals = self.of(deployment)
        vitals.failures += 1
        vitals.failures_in_a_row += 1
        vitals.outcomes.append((now, True))
        if self._enabled and (vitals.open_until or _should_open(vitals, now, fault, alone=alone)):
            vitals.cooldown_s = self._cooldown(deployment, fault)
            vitals.open_until = now + vitals.cooldown_s
            vitals.probe_until = 0.0
            self.on_open(deployment, vitals.cooldown_s)

    def may_retry(self, deployment: Deployment, now: float) -> bool:
        """Say whether its retry budget allows one more: 20 % of the last 10 s, at least 3."""
        vitals = self.of(deployment)
        vitals.trim(now)
        # Retries are not requests: counted in, the budget would feed itself (25 % instead of 20 %).
        requests = len(vitals.outcomes) - len(vitals.retries)
        return len(vitals.retries) < max(RETRY_MINIMUM, int(requests * RETRY_RATIO))

    def _cooldown(self, deployment: Deployment, fault: UpstreamError) -> float:
        if deployment.cooldown_s is not None:
            return deployment.cooldown_s
        return fault.retry_after_s or self._cooldown_s


def _unheard(_deployment: Deployment, _seconds: float) -> None:
    pass


def _should_open(vitals: Vitals, now: float, fault: UpstreamError, *, alone: bool) -> bool:
    if isinstance(fault, CredentialRefused | ModelMissing):
        return not alone
    if fault.upstream_status == 429:
        return not alone or fault.retry_after_s is not None
    if vitals.failures_in_a_row >= FAILURES_IN_A_ROW:
        return True
    vitals.trim(now)
    failures = sum(failed for _, failed in vitals.outcomes)
    return failures >= FAILURE_MINIMUM and failures > len(vitals.outcomes) * FAILURE_RATIO
