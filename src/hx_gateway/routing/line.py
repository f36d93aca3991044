"""Who waits for a place at a node, and whose turn it is: fair between keys, in order within one.

Calls of a lower priority number come before all others.

Pure: a call that gets its turn is told by a callback (the place, and the time), so whoever waits
decides how.
"""

from collections.abc import Callable, Collection
from typing import Generic, TypeVar

P = TypeVar("P")


class Waiting(Generic[P]):
    """A call that waits for any of some places."""

    __slots__ = ("grant", "key", "number", "places", "priority")

    def __init__(
        self,
        places: Collection[P],
        key: str,
        number: int,
        grant: Callable[[P, float], None],
        priority: int = 0,
    ) -> None:
        """`number` counts all that ever waited."""
        self.priority = priority
        self.places = places
        self.key = key
        self.number = number
        self.grant = grant


class Line(Generic[P]):
    """All calls that wait."""

    def __init__(self) -> None:
        """Nobody waits."""
        self._waiting: dict[Waiting[P], None] = {}
        self._served: dict[str, int] = {}  # of keys that wait: the number of their last turn
        self._turns = 0
        self._numbers = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def join(
        self,
        places: Collection[P],
        key: str,
        grant: Callable[[P, float], None],
        priority: int = 0,
    ) -> Waiting[P]:
        """Wait for a turn."""
        self._numbers += 1
        waiting = Waiting(places, key, self._numbers, grant, priority)
        self._waiting[waiting] = None
        return waiting

    def leave(self, waiting: Waiting[P]) -> None:
        """Stop to wait; safe to call twice."""
        if self._waiting.pop(waiting, waiting) is None and not any(
            other.key == waiting.key for other in self._waiting
        ):
            self._served.pop(waiting.key, None)

    def count(self, place: P) -> int:
        """Count the calls that would take a place."""
        return sum(place in waiting.places for waiting in self._waiting)

    def waiting(self) -> list[Waiting[P]]:
        """Give all that wait, in order."""
        return list(self._waiting)

    def places(self) -> set[P]:
        """Give every place that somebody waits for."""
        return {place for waiting in self._waiting for place in waiting.places}

    def ahead(self, waiting: Waiting[P]) -> int:
        """Count those that stand before and want one of the same places."""
        wanted = set(waiting.places)
        return sum(
            (other.priority, other.number) < (waiting.priority, waiting.number)
            and not wanted.isdisjoint(other.places)
            for other in self._waiting
        )

    def next(self, place: P, running: Callable[[str], int]) -> Waiting[P] | None:
        """Take out whose turn it is.

        The lowest priority, then whose key has the fewest `running`, then who waited longest.
        """
        wanting = [each for each in self._waiting if place in each.places]
        if not wanting:
            return None
        chosen = min(
            wanting,
            key=lambda each: (
                each.priority,
                running(each.key),
                self._served.get(each.key, 0),
                each.number,
            ),
        )
        self._turns += 1
        self._served[chosen.key] = self._turns
        self.leave(chosen)
        return chosen
