"""The model servers of one's own as one fleet: which is preferred, which has a place, who waits.

Fed by whoever looks at the nodes and by the calls; opens no socket, reads no clock. Lives as long
as the process: a reload changes nodes and settings, and keeps what is known and who waits.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

import msgspec
from msgspec import Raw

from hx_gateway.core.errors import ModelMissing, NodeBusy, Unreachable, UpstreamError
from hx_gateway.core.node import Resident
from hx_gateway.core.route import Deployment, Node
from hx_gateway.core.snapshot import FleetSettings
from hx_gateway.routing.line import Line, Waiting
from hx_gateway.routing.parallel import Parallel, Work, share
from hx_gateway.routing.sight import NodeState, Sight

Place = tuple[str, str]  # a node's name, a model's full name
Sharers = tuple[int, int]  # how many processes use a place, and the rank of this one
Deployments = Sequence[Deployment]

_FULL = NodeBusy("Every node that has the model is busy.")
_ASLEEP = Unreachable("The node of the model does not answer.")
_MISSING = ModelMissing("The node does not have the model.")
_RANKS = ("resident", "awake", "not asked yet", "asleep", "without the model")
LEAST_RETRY_S, MOST_RETRY_S = 1.0, 60.0


class Window(msgspec.Struct, frozen=True):
    """How many tokens a model takes in at one node; `is_sure`: somebody said so."""

    tokens: int
    is_sure: bool


class Come(Protocol):
    """Where a call that waits gets its turn; a future is one."""

    def done(self) -> bool:
        """Whether nobody waits there any more."""
        ...

    def set_result(self, result: "Turn", /) -> None:
        """Give it its turn."""
        ...

    def set_exception(self, exception: UpstreamError, /) -> None:
        """Tell it that there will be none."""
        ...


class Turn:
    """A place at a node that one call holds. `reason` says why it was this one."""

    __slots__ = ("_fleet", "_is_over", "_work", "deployment", "key", "place", "reason")

    def __init__(
        self, fleet: "Fleet", deployment: Deployment, key: str, work: Work, reason: str
    ) -> None:
        """Held from now on."""
        self._fleet = fleet
        self._work = work
        self._is_over = False
        self.deployment = deployment
        self.key = key
        self.place = fleet.place_of(deployment)
        self.reason = reason

    def answered(self, now: float, *, stream: bool) -> None:
        """Note the first sign of an answer."""
        self._fleet.answered(self, self._work, now, stream=stream)

    def release(self, now: float) -> None:
        """Give the place to whoever waits; safe to call twice."""
        if not self._is_over:
            self._is_over = True
            self._fleet.ended(self, self._work, now)


class Fleet:
    """All nodes of the current snapshot. `on_suspect` is told which node should be looked at."""

    def __init__(self) -> None:
        """No node is known."""
        self.settings = FleetSettings()
        self.sights: dict[str, Sight] = {}
        self.line: Line[Place] = Line()
        self.on_suspect: Callable[[str], None] = _unheard
        self._sharers: Mapping[Place, Sharers] = {}
        self._spots: dict[Place, Parallel] = {}
        self._running: dict[str, int] = {}
        self._comes: dict[Waiting[Place], Come] = {}

    def configure(self, nodes: Iterable[Node], settings: FleetSettings) -> None:
        """Take over the nodes and settings of a new snapshot."""
        self.settings = settings
        before, self.sights = self.sights, {}
        for node in nodes:
            sight = before.get(node.name)
            if sight is None or sight.node.origin != node.origin:
                sight = Sight(node)
            sight.node = node
            self.sights[node.name] = sight
        for (name, _), spot in self._spots.items():
            if name in self.sights:
                spot.fixed = self.sights[name].node.parallel

    # Told by whoever looks at the nodes

    def heard(self, name: str, resident: Iterable[Resident], now: float) -> bool:
        """Note that a node answered, and what it holds; says whether it has just woken."""
        sight = self.sights.get(name)
        if sight is None or not sight.heard(now, resident):
            return False
        self.advance(now)
        return True

    def missed(self, name: str, *, refused: bool) -> bool:
        """Note that a node did not answer; says whether it has just fallen asleep."""
        sight = self.sights.get(name)
        if sight is None or not sight.missed(refused=refused):
            return False
        self._dismiss()
        return True

    # Told by whoever hears of other processes

    def used(self) -> set[Place]:
        """Give the places where calls of this process are, or wait."""
        return self.line.places().union(place for place, spot in self._spots.items() if spot.busy)

    def divide(self, sharers: Mapping[Place, Sharers], now: float) -> None:
        """Share these places with other processes, and no others."""
        if sharers != self._sharers:
            self._sharers = sharers
            self.advance(now)

    # Asked when a deployment is chosen

    def place_of(self, deployment: Deployment) -> Place:
        """Name the place that a call of this deployment takes."""
        wire = deployment.provider.node
        model = deployment.model if wire is None else wire.full_name(deployment.model)
        return deployment.node or "", model

    def obstacle(self, one: Deployment, peers: Deployments, now: float) -> UpstreamError | None:
        """Say why a deployment should not be asked now; None when it may."""
        sight = self.sights.get(one.node or "")
        if sight is None:
            return None
        if self._is_away(one, sight) and any(self._could(peer) for peer in peers):
            return _ASLEEP if sight.state is NodeState.ASLEEP else _MISSING
        return None if self.is_free(one, now) else _FULL

    def is_free(self, deployment: Deployment, now: float) -> bool:
        """Say whether there is a place for one more call."""
        return self._is_free(self.place_of(deployment), now)

    def prefer(self, usable: Deployments, now: float) -> Deployments:
        """Keep those whose node holds the model, else the awake ones; of these the least loaded."""
        scored = [(self._rank(each), self._load(each, now), each) for each in usable]
        best = min((rank, load) for rank, load, _ in scored)
        return [each for rank, load, each in scored if (rank, load) == best]

    def window(self, deployment: Deployment, fields: Mapping[str, Raw]) -> Window | None:
        """Say how many tokens the model takes in there; None for what is no node."""
        wire = deployment.provider.node
        sight = self.sights.get(deployment.node or "")
        if wire is None or sight is None:
            return None
        model = self.place_of(deployment)[1]
        wanted = wire.wanted_context(fields) or wire.wanted_context(deployment.defaults)
        wanted = wanted or wire.wanted_context(deployment.info)
        trained = sight.shown_of(model).trained
        known = wanted or sight.window(model)
        tokens = known or wire.default_context
        return Window(min(tokens, trained) if trained else tokens, known is not None)

    # Calls

    def take(self, deployment: Deployment, peers: Deployments, key: str, now: float) -> Turn:
        """Hold a place for a call, whether it is free or not: the caller has looked."""
        reason = self._reason(deployment, peers, now)
        return self._begin(deployment, key, reason, now)

    def line_up(
        self, wanted: Deployments, key: str, come: Come, now: float, priority: int = 0
    ) -> Waiting[Place]:
        """Wait for a place at any of these; raises NodeBusy when too many wait already."""
        by_place = {self.place_of(each): each for each in wanted}
        seconds = self._expected_s(by_place)
        is_full = all(self.line.count(place) >= self.settings.queue for place in by_place)
        if is_full or seconds > self.settings.queue_timeout:
            raise self.busy(seconds)

        def grant(place: Place, now: float) -> None:
            if not come.done():  # who has left may not have said so yet
                reason = self._reason(by_place[place], (), now)
                come.set_result(self._begin(by_place[place], key, reason, now))

        waiting = self.line.join(by_place, key, grant, priority)
        self._comes[waiting] = come
        self.advance(now)
        return waiting

    def is_asleep(self, deployment: Deployment) -> bool:
        """Say whether a deployment's node does not answer."""
        return self._sleeps(deployment.node or "")

    def _sleeps(self, name: str) -> bool:
        sight = self.sights.get(name)
        return sight is not None and sight.state is NodeState.ASLEEP

    def sleeping(self, deployments: Deployments) -> list[Deployment]:
        """Give those whose node is asleep: it may wake while a call waits."""
        return [each for each in deployments if self.is_asleep(each)]

    def busy(self, seconds: float) -> NodeBusy:
        """Make the error of a call that cannot wait; `seconds` is how long it would have to."""
        return NodeBusy(
            f"Every node that has the model is busy, and {len(self.line)} calls wait.",
            retry_after_s=min(max(seconds, LEAST_RETRY_S), MOST_RETRY_S),
        )

    def suspect(self, name: str) -> None:
        """Leave a node at once that broke a connection; somebody looks at it soon."""
        sight = self.sights.get(name)
        if sight is not None:
            self.missed(name, refused=True)
            self.on_suspect(name)

    def answered(self, turn: Turn, work: Work, now: float, *, stream: bool) -> None:
        """Learn from the first sign of an answer."""
        spot = self._spots.get(turn.place)
        sight = self.sights.get(turn.place[0])
        if sight is not None:
            sight.holds(turn.place[1])
        if spot is not None:
            before = spot.limit(now)
            spot.answered(work, now, stream=stream)
            if spot.limit(now) > before:
                self.advance(now)

    def ended(self, turn: Turn, work: Work, now: float) -> None:
        """Give a place back."""
        spot = self._spots.get(turn.place)
        if spot is not None:
            spot.end(work, now)
            if not spot.busy and not self._is_worth_keeping(turn.place, spot):
                del self._spots[turn.place]
        left = self._running.get(turn.key, 0) - 1
        if left > 0:
            self._running[turn.key] = left
        else:
            self._running.pop(turn.key, None)
        self.advance(now, turn.place)

    def advance(self, now: float, only: Place | None = None) -> None:
        """Let those in whose turn it is."""
        if not len(self.line):
            return
        for place in [only] if only is not None else list(self.line.places()):
            if self._sleeps(place[0]):
                continue
            while self._is_free(place, now):
                waiting = self.line.next(place, lambda key: self._running.get(key, 0))
                if waiting is None:
                    break
                waiting.grant(place, now)

    def leave(self, waiting: Waiting[Place]) -> None:
        """Stop to wait, whatever came of it; safe to call twice."""
        self.line.leave(waiting)
        self._comes.pop(waiting, None)

    def _dismiss(self) -> None:
        """Send those away for whom no node is left that answers."""
        for waiting in self.line.waiting():
            if all(self._sleeps(name) for name, _ in waiting.places):
                come = self._comes.get(waiting)
                self.leave(waiting)
                if come is not None and not come.done():
                    come.set_exception(Unreachable("The node of the model does not answer."))

    # Shown

    def spot(self, place: Place) -> Parallel | None:
        """Get what is under way at a place; None for nothing."""
        return self._spots.get(place)

    def sharers(self, place: Place) -> int:
        """Count the processes that use a place, this one included."""
        return self._sharers.get(place, (1, 0))[0]

    def in_flight(self, name: str) -> int:
        """Count our calls at a node."""
        return sum(spot.busy for (node, _), spot in self._spots.items() if node == name)

    # The rest

    def _begin(self, deployment: Deployment, key: str, reason: str, now: float) -> Turn:
        place = self.place_of(deployment)
        spot = self._spots.get(place)
        if spot is None:
            sight = self.sights.get(place[0])
            spot = self._spots[place] = Parallel(sight.node.parallel if sight else None)
        self._running[key] = self._running.get(key, 0) + 1
        return Turn(self, deployment, key, spot.begin(now), reason)

    def _is_worth_keeping(self, place: Place, spot: Parallel) -> bool:
        """Names of models come from callers (wildcards); only what a node has is remembered."""
        sight = self.sights.get(place[0])
        return sight is not None and place[1] in (sight.installed or {}) and spot.mean_s > 0

    def _is_free(self, place: Place, now: float) -> bool:
        spot = self._spots.get(place)
        return spot is None or spot.busy < self._limit(place, spot, now)

    def _limit(self, place: Place, spot: Parallel, now: float) -> int:
        sharers = self._sharers.get(place)
        return spot.limit(now) if sharers is None else share(spot.limit(now), *sharers)

    def _is_away(self, one: Deployment, sight: Sight) -> bool:
        return sight.state is NodeState.ASLEEP or sight.lacks(self.place_of(one)[1])

    def _could(self, peer: Deployment) -> bool:
        sight = self.sights.get(peer.node or "")
        return sight is None or not self._is_away(peer, sight)

    def _rank(self, one: Deployment) -> int:
        sight = self.sights.get(one.node or "")
        if sight is None:
            return 1
        place = self.place_of(one)
        if sight.lacks(place[1]):
            return 4
        if sight.state is NodeState.ASLEEP:
            return 3
        spot = self._spots.get(place)
        # A call under way there has loaded it, or is loading it.
        if place[1] in sight.resident or (spot is not None and spot.busy):
            return 0
        return 1 if sight.state is NodeState.AWAKE else 2

    def _load(self, one: Deployment, now: float) -> tuple[float, int]:
        place = self.place_of(one)
        spot = self._spots.get(place)
        taken = 0.0 if spot is None else spot.busy / self._limit(place, spot, now)
        return taken, self.in_flight(one.node or "")

    def _reason(self, one: Deployment, peers: Deployments, now: float) -> str:
        rank = self._rank(one)
        others = [each for each in peers if each is not one and self._rank(each) == rank]
        is_lighter = any(self._load(each, now) > self._load(one, now) for each in others)
        return f"{_RANKS[rank]}, least loaded" if is_lighter else _RANKS[rank]

    def _expected_s(self, places: Iterable[Place]) -> float:
        """Estimate how long one more call would wait: those before it, at the usual pace."""
        least = float("inf")
        for place in places:
            spot = self._spots.get(place)
            if spot is None:
                return 0.0
            limit = spot.fixed or spot.proven
            least = min(least, (self.line.count(place) + 1) * spot.mean_s / limit)
        return least


def _unheard(_name: str) -> None:
    pass
