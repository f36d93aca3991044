"""Which deployments take calls and do not answer them: a hang, told from a long answer.

Pure: told when an attempt begins and ends, asked now and then. A deployment is under suspicion
when it has begun no answer for much longer than it, or another of the route, needed lately; how
much longer depends on how many calls wait. Why: `docs/decisions/0014-hung-deployments.md`.
"""

from collections.abc import Callable, Iterator

from hx_gateway.core.route import Deployment, Route
from hx_gateway.routing.health import Health
from hx_gateway.routing.vitals import State

PATIENCE_S = 1.0
# How many times the longest recent answer a silence lasts, by the number of calls that wait. One
# call may be a long one; that three in a row are is unlikely.
_FACTORS = {1: 10.0, 2: 5.0}
_FACTOR = 3.0
_LONE_FACTOR = 2.0  # of the patience itself, for a call that waits alone


class Waiting:
    """An attempt that has no answer yet.

    `move` gives it up, so that another can be made; `end` says that it is over. `mib` is the size
    of an upload, 0 for other calls: how long it takes depends on how much there is to hear.
    """

    __slots__ = (
        "_group",
        "began",
        "deployment",
        "has_moved",
        "may_move",
        "mib",
        "move",
        "route",
        "stream",
    )

    def __init__(
        self,
        deployment: Deployment,
        route: Route,
        began: float,
        *,
        stream: bool,
        may_move: Callable[[float], bool],
        move: Callable[[], object],
        mib: float = 0.0,
    ) -> None:
        """`may_move` says whether there is somebody else to ask at a time."""
        self.deployment = deployment
        self.route = route
        self.began = began
        self.stream = stream
        self.mib = mib
        self.may_move = may_move
        self.move = move
        self._group: dict[Waiting, None] = {}
        self.has_moved = False

    def join(self, group: "dict[Waiting, None]") -> None:
        """Stand in line with the others at the deployment, until `end`."""
        group[self] = None
        self._group = group

    def end(self) -> None:
        """Leave the line: there is an answer, or a fault."""
        self._group.pop(self, None)


class Stalls:
    """All attempts that wait, by deployment, in the order in which they began."""

    def __init__(self, health: Health, patience_s: float = PATIENCE_S) -> None:
        """`patience_s` 0: nothing is ever under suspicion. `is_away` knows of nodes."""
        self._health = health
        self.patience_s = patience_s
        self.is_away: Callable[[Deployment], bool] = _is_there
        self._waiting: dict[str, dict[Waiting, None]] = {}

    def begin(self, waiting: Waiting) -> None:
        """Note an attempt, until its `end` is called."""
        waiting.join(self._waiting.setdefault(waiting.deployment.id, {}))

    def find(self, now: float) -> Iterator[list[Waiting]]:
        """Give the attempts at each deployment that hangs."""
        if not self.patience_s:
            return
        for id_, of_one in list(self._waiting.items()):
            waiting = list(of_one)
            if not waiting:
                del self._waiting[id_]
            elif self._is_stalled(waiting, now):
                yield waiting

    def _is_stalled(self, waiting: list[Waiting], now: float) -> bool:
        deployment = waiting[0].deployment
        if deployment.node is not None:
            # It may be loading the model for minutes; and nodes are looked at by themselves.
            return self.is_away(deployment)
        vitals = self._health.of(deployment)
        state = vitals.state(now)
        if state is State.OPEN and vitals.is_stalled:
            return True  # known; those that wait there still may find somebody else by now
        if state is State.HALF_OPEN:  # what waited before says nothing about the trial
            waiting = [each for each in waiting if each.began >= vitals.open_until]
            if not waiting:
                return False
        # While it is on trial, one call that waits is as telling as many.
        count = len(waiting) if state is State.CLOSED else len(_FACTORS) + 1
        silence_s = now - max(waiting[0].began, vitals.heard_at)
        if silence_s < self.patience_s * (_LONE_FACTOR if count == 1 else 1.0):
            return False
        usual_s = self._usual(max(waiting, key=_size))
        return usual_s > 0 and silence_s >= usual_s * _FACTORS.get(count, _FACTOR)

    def _usual(self, waiting: Waiting) -> float:
        """Give the longest recent answer of the route's deployments; 0 when none was measured.

        Of uploads it is the slowest pace, at which a large one may take long.
        """
        longest = 0.0
        for deployment in waiting.route.deployments:
            vitals = self._health.of(deployment)
            samples = vitals.first if waiting.stream else vitals.whole
            if waiting.mib:
                samples = vitals.per_mib
            longest = max(longest, samples.longest())
        return longest * waiting.mib if waiting.mib else longest


def _size(waiting: Waiting) -> float:
    return waiting.mib


def _is_there(_deployment: Deployment) -> bool:
    return False
