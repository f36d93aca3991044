"""How durations are spread over buckets: a histogram as plain numbers."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence

# Seconds; LiteLLM's own bounds, so that its dashboards and alerts keep their meaning.
BOUNDS = (
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0,
    420.0, 600.0,
)  # fmt: skip


class Spread:
    """Durations counted by bucket, and their sum.

    Cheaper than a client library's histogram, since nothing is locked: it lives on one event loop.
    """

    __slots__ = ("counts", "sum")

    def __init__(self) -> None:
        """Start empty."""
        self.counts = [0] * (len(BOUNDS) + 1)
        self.sum = 0.0

    def add(self, seconds: float) -> None:
        """Count one duration; a bucket includes its upper bound."""
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.sum += seconds

    def add_all(self, many: Sequence[float]) -> None:
        """Count several durations."""
        counts = self.counts
        for seconds in many:
            counts[bisect_left(BOUNDS, seconds)] += 1
        self.sum += sum(many)

    def merge(self, other: "Spread") -> None:
        """Add another spread to this one."""
        self.counts = [a + b for a, b in zip(self.counts, other.counts, strict=True)]
        self.sum += other.sum

    @property
    def count(self) -> int:
        """How many durations were counted."""
        return sum(self.counts)

    def buckets(self) -> Iterable[tuple[str, int]]:
        """Give `(le, how many were at most that)`, as the Prometheus text format has it."""
        total = 0
        for bound, count in zip((*map(str, BOUNDS), "+Inf"), self.counts, strict=True):
            total += count
            yield bound, total
