"""How many calls of one model a node works on at once: stated, or learned by watching.

A server that has no more slots lets calls wait in the order in which they came, and does not say
so. What it does say: whoever answers is being worked on, and so is everybody who came before. That
proves a number; one more than proven is tried. Why: `docs/decisions/0015-places-at-a-node.md`.
"""

MOST = 64  # more is never tried without being told
MISSES = 3
SHUT_S = 600.0
WEIGHT = 0.2


def share(places: int, sharers: int, rank: int) -> int:
    """Say how many of some places one of several processes may use; `rank` counts them from 0.

    Each gets one at least: nobody is to wait for ever.
    """
    return max(places // sharers + (rank < places % sharers), 1)


class Work:
    """One call that a node works on, or lets wait."""

    __slots__ = ("began", "has_answered", "rank")

    def __init__(self, began: float, rank: int) -> None:
        """`rank`: the how manieth it was at the place, itself included."""
        self.began = began
        self.rank = rank
        self.has_answered = False


class Parallel:
    """The calls of one model at one node, in the order in which they were sent."""

    __slots__ = ("_misses", "_shut_until", "_works", "fixed", "mean_s", "proven")

    def __init__(self, fixed: int | None = None) -> None:
        """`fixed` is what somebody stated; None: learn it."""
        self.fixed = fixed
        self.proven = 1
        self.mean_s = 0.0
        self._misses = 0
        self._shut_until = 0.0
        self._works: dict[Work, None] = {}

    @property
    def busy(self) -> int:
        """How many calls are there."""
        return len(self._works)

    def limit(self, now: float) -> int:
        """Say how many calls may be there at once."""
        if self.fixed is not None:
            return self.fixed
        return self.proven + (now >= self._shut_until and self.proven < MOST)

    def begin(self, now: float) -> Work:
        """Note a call that is about to be sent."""
        work = Work(now, len(self._works) + 1)
        self._works[work] = None
        return work

    def answered(self, work: Work, now: float, *, stream: bool) -> None:
        """Note the first sign of an answer; only of a stream is it a sign that comes early."""
        if work.has_answered:
            return
        work.has_answered = True
        at_once = self._at_once(work)
        was_probe = work.rank > self.proven
        self.proven = max(self.proven, at_once)
        if was_probe and at_once >= work.rank:
            self._misses = 0
        elif was_probe and stream:
            self._misses += 1
            if self._misses >= MISSES:
                self._misses = 0
                self._shut_until = now + SHUT_S

    def end(self, work: Work, now: float) -> None:
        """Note that a call is over."""
        if self._works.pop(work, work) is None and work.has_answered:
            seconds = now - work.began
            self.mean_s += (seconds - self.mean_s) * WEIGHT if self.mean_s else seconds

    def _at_once(self, work: Work) -> int:
        """Count the calls that must be under way when this one answers."""
        works = list(self._works)
        place = works.index(work)
        return place + 1 + sum(later.has_answered for later in works[place + 1 :])
