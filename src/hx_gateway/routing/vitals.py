"""What is known of one deployment: in flight, faults, how long it takes, and its budget of retries.

Numbers only; the rules that read them are in `health.py`, `balance.py` and `stall.py`.
"""

from collections import deque
from enum import StrEnum
from heapq import heappop, heappush
from typing import Protocol

WINDOW_S = 10.0
DECAY_S = 10.0
PROBE_LEASE_S = 30.0
SAMPLES = 20
TIMEOUT_S = 1000.0  # what LiteLLM records for a time-out, so that it counts as very slow


class State(StrEnum):
    """How a deployment stands with the breaker."""

    CLOSED = "closed"  # in use
    OPEN = "open"  # cooling down
    HALF_OPEN = "half_open"  # one probe may find out


class Turn(Protocol):
    """Somebody who waits for a place; an `asyncio.Future` is one."""

    def done(self) -> bool:
        """Whether it waits no more."""
        ...

    def set_result(self, result: None, /) -> object:
        """Let it go on."""
        ...


class Samples:
    """The last few durations of one kind, in seconds, with the time each was taken."""

    __slots__ = ("values",)

    def __init__(self) -> None:
        """Start unmeasured."""
        self.values: deque[tuple[float, float]] = deque(maxlen=SAMPLES)

    def add(self, now: float, seconds: float) -> None:
        """Keep one; the oldest goes when there are too many."""
        self.values.append((now, seconds))

    def mean(self, now: float = 0.0, *, ttl_s: float = float("inf"), last: int = 10) -> float:
        """Give the mean of the last ones that are not older than `ttl_s`; 0 when unmeasured."""
        fresh = [seconds for at, seconds in self.values if now - at <= ttl_s][-last:]
        return sum(fresh) / len(fresh) if fresh else 0.0

    def longest(self) -> float:
        """Give the longest one, time-outs left out; 0 when unmeasured."""
        return max((s for _, s in self.values if s < TIMEOUT_S), default=0.0)

    def clear(self) -> None:
        """Forget all."""
        self.values.clear()


class Vitals:
    """What is known of one deployment.

    `heard_at`: when it last began an answer. `whole` and `first` are the seconds until a whole
    answer, and until a stream's first event; `per_token` are those of whole answers by output
    token, `per_mib` those of uploads by their size. `queue` are those who wait for a place.
    `outcomes` are (time, failed) of the last window, `faults` the times by kind.
    `is_stalled`: the breaker opened because nothing was answered at all.
    """

    __slots__ = (
        "cooldown_s", "failures", "failures_in_a_row", "faults", "first", "heard_at", "in_flight",
        "is_stalled", "open_until", "outcomes", "per_mib", "per_token", "probe_until", "queue",
        "retries", "score_at", "score_s", "successes", "tickets", "whole",
    )  # fmt: skip

    def __init__(self) -> None:
        """Start as healthy and unmeasured."""
        self.in_flight = 0
        self.successes = 0
        self.failures = 0
        self.failures_in_a_row = 0
        self.open_until = 0.0
        self.probe_until = 0.0
        self.cooldown_s = 0.0
        self.heard_at = 0.0
        self.is_stalled = False
        self.outcomes: deque[tuple[float, bool]] = deque(maxlen=1024)
        self.queue: list[tuple[int, int, Turn]] = []
        self.tickets = 0
        self.retries: deque[float] = deque(maxlen=1024)
        self.faults: dict[str, deque[float]] = {}
        self.whole = Samples()
        self.first = Samples()
        self.per_token = Samples()
        self.per_mib = Samples()
        self.score_s = 0.0
        self.score_at = -DECAY_S

    def state(self, now: float) -> State:
        """Say how it stands."""
        if not self.open_until:
            return State.CLOSED
        return State.OPEN if now < self.open_until else State.HALF_OPEN

    def latency(self) -> float:
        """Give the mean of the last samples in seconds; 0 when unmeasured."""
        return self.whole.mean() or self.first.mean()

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
        if self.queue:
            self.call_next()

    def line_up(self, turn: Turn, priority: int = 0, ticket: int = 0) -> int:
        """Stand in line for a place: the lowest priority first, then in order.

        Gives a ticket, with which one comes back to the same position.
        """
        if not ticket:
            self.tickets += 1
            ticket = self.tickets
        heappush(self.queue, (priority, ticket, turn))
        return ticket

    def call_next(self) -> None:
        """Give the turn to the first in line who still waits."""
        while self.queue:
            turn = heappop(self.queue)[2]
            if not turn.done():
                turn.set_result(None)
                return

    def alive(self, now: float) -> None:
        """Note an answer that says nothing of success, but that it works: a caller's mistake."""
        self.heard_at = now
        if self.failures_in_a_row or self.open_until:
            self._recover()

    def succeeded(
        self, now: float, seconds: float, *, stream: bool = False, tokens: int = 0
    ) -> None:
        """Note an answer: whole after `seconds` with `tokens`, or a stream's first event."""
        self.successes += 1
        self.heard_at = now
        if self.failures_in_a_row or self.open_until:
            self._recover()
        self.outcomes.append((now, False))
        if stream:
            self.first.add(now, seconds)
        else:
            self.whole.values.append((now, seconds))
            self.per_token.values.append((now, seconds / tokens if tokens else seconds))
        # An old measurement weighs nothing; a recent one is smoothed.
        is_old = now - self.score_at > DECAY_S
        self.score_s = seconds if is_old else self.score_s * 0.7 + seconds * 0.3
        self.score_at = now

    def _recover(self) -> None:
        """Close the breaker; what was measured before it opened says nothing any more."""
        self.failures_in_a_row = 0
        if self.open_until:
            self.open_until = self.probe_until = self.cooldown_s = 0.0
            self.is_stalled = False
            for samples in (self.whole, self.first, self.per_token, self.per_mib):
                samples.clear()

    def count_fault(self, now: float, kind: str, window_s: float) -> int:
        """Note a fault of a kind; gives how many there were within the window."""
        times = self.faults.get(kind)
        if times is None:
            times = self.faults[kind] = deque(maxlen=1024)
        times.append(now)
        while times[0] < now - window_s:
            times.popleft()
        return len(times)
