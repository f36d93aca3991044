"""What processes tell each other of upstreams: which refuse calls, and who has calls at a node.

Pure: gives what to write on the board, is given what was read there. A server on the machine itself
is another one on the next, so what is said of it is for processes of the same machine. What is
told, and to whom: `docs/decisions/0018-what-replicas-share.md`.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

import msgspec

from hx_gateway.core.http import Origin
from hx_gateway.core.ports import Note
from hx_gateway.core.route import Deployment
from hx_gateway.routing.fleet import Fleet, Place
from hx_gateway.routing.health import Health

PLACE_S = 2.0  # how long a process that says nothing more is taken to use a place
_REFUSES, _USES = "refuses", "uses"
_BREAK = "\x1f"  # in no name that counts: who has it in a model's name shares no places


class Telling(msgspec.Struct, frozen=True):
    """What to write on the board (seconds to live, by name), and what to remove from it."""

    put: Mapping[str, float]
    drop: Iterable[str] = ()


class Topic(Protocol):
    """Something that processes talk about."""

    def tell(self, now: float) -> Telling:
        """Say what there is to tell."""
        ...

    def told(self, telling: Telling, now: float) -> None:
        """Note that it is on the board, or was; what could not be written is told again."""
        ...

    def hear(self, notes: Iterable[Note], now: float) -> None:
        """Take over what is on the board."""
        ...

    def hear_nothing(self, now: float) -> None:
        """Note that the board is away."""
        ...


class Refusals:
    """The deployments that refuse calls, as all say together. `deployments` are the current ones.

    `on_belief` is told of each that is taken out because others said so, and for how long.
    """

    def __init__(self, health: Health, machine: str) -> None:
        """`machine` is a name that all processes of this machine have."""
        self._health = health
        self._machine = machine
        self.deployments: Mapping[str, Deployment] = {}
        self.on_belief: Callable[[Deployment, float], None] = _unheard
        self._fresh: dict[str, Deployment] = {}  # by the name of their note
        self._saying: dict[str, float] = {}  # until when, as we are about to say
        self._told: dict[str, tuple[Deployment, float]] = {}  # ... as we said
        self._believed: dict[str, tuple[Deployment, float]] = {}  # ... as others said

    def refused(self, deployment: Deployment) -> None:
        """Note that a deployment was taken out because of what it said: that is for everybody."""
        name = self._local_name if deployment.origin.is_local else self._name
        self._fresh[name(deployment)] = deployment

    def lost(self, deployment: Deployment) -> None:
        """Note that it was taken out because it cannot be reached from here, or hangs.

        Other machines have ways of their own; one with a broken network would take all from all.
        """
        self._fresh[self._local_name(deployment)] = deployment

    def tell(self, now: float) -> Telling:
        """See `Topic`: what was taken out, and what has answered before the time was over."""
        ends = {name: self._until(each) for name, each in self._fresh.items()}
        self._saying = {name: until for name, until in ends.items() if until > now}
        drop = [name for name, (each, _) in self._told.items() if not self._until(each)]
        return Telling({name: until - now for name, until in self._saying.items()}, drop)

    def told(self, telling: Telling, now: float) -> None:
        """See `Topic`."""
        for name in telling.drop:
            self._told.pop(name, None)
        for name, until in self._saying.items():
            self._told[name] = (self._fresh[name], until)
        self._fresh = {
            name: each
            for name, each in self._fresh.items()
            if self._until(each) > self._saying.get(name, now)  # taken out once more meanwhile
        }
        self._told = {name: each for name, each in self._told.items() if each[1] > now}

    def hear(self, notes: Iterable[Note], now: float) -> None:
        """See `Topic`. What we said ourselves is no news."""
        said = {note.name: note for note in notes if note.name.startswith(_REFUSES)}
        for name, note in said.items():
            deployment = self.deployments.get(name.rpartition(_BREAK)[2])
            if deployment is None or not self._is_news(name, deployment):
                continue
            if self._health.heard(deployment, now, age_s=note.age_s, left_s=note.left_s):
                self._believed[name] = (deployment, self._until(deployment))
                self.on_belief(deployment, note.left_s)
        for name in [name for name in self._believed if name not in said]:
            deployment, until = self._believed.pop(name)
            if self._until(deployment) == until:
                self._health.woke(deployment, now)  # somebody has had an answer: try

    def hear_nothing(self, now: float) -> None:
        """See `Topic`: what others said holds until then."""

    def _is_news(self, name: str, deployment: Deployment) -> bool:
        is_ours = name == self._local_name(deployment)
        is_for_all = name == self._name(deployment) and not deployment.origin.is_local
        return (is_ours or is_for_all) and name not in self._told

    def _name(self, deployment: Deployment) -> str:
        return _BREAK.join((_REFUSES, deployment.id))

    def _local_name(self, deployment: Deployment) -> str:
        return _BREAK.join((_REFUSES, self._machine, deployment.id))

    def _until(self, deployment: Deployment) -> float:
        is_known = deployment.id in self.deployments
        return self._health.of(deployment).open_until if is_known else 0.0


class Sharing:
    """The places at nodes, shared out among the processes that have calls there."""

    def __init__(self, fleet: Fleet, me: str, machine: str) -> None:
        """`me` is a name that no other process has; `machine`: see `Refusals`."""
        self._fleet = fleet
        self._me = me
        self._machine = machine
        self._posted: frozenset[str] = frozenset()

    def tell(self, now: float) -> Telling:  # noqa: ARG002 - see `Topic`
        """See `Topic`: where calls of this process are, or wait."""
        tags = self._tags()
        used = [place for place in self._fleet.used() if place[0] in tags]
        put = {_BREAK.join((_USES, self._me, tags[n], model)): PLACE_S for n, model in used}
        return Telling(put, self._posted.difference(put))

    def told(self, telling: Telling, now: float) -> None:  # noqa: ARG002 - see `Topic`
        """See `Topic`."""
        self._posted = frozenset(telling.put)

    def hear(self, notes: Iterable[Note], now: float) -> None:
        """See `Topic`. Where this process has no calls it counts itself in: it may come."""
        nodes = {tag: name for name, tag in self._tags().items()}
        users: dict[Place, set[str]] = {}
        for note in notes:
            match note.name.split(_BREAK):
                case [kind, who, tag, model] if kind == _USES and tag in nodes:
                    users.setdefault((nodes[tag], model), {self._me}).add(who)
        ranks = {place: sorted(names) for place, names in users.items()}
        self._fleet.divide(
            {place: (len(names), names.index(self._me)) for place, names in ranks.items()}, now
        )

    def hear_nothing(self, now: float) -> None:
        """See `Topic`: each has all places then."""
        self._fleet.divide({}, now)

    def _tags(self) -> dict[str, str]:
        """Name each node by its address: its name is each process's own choice."""
        return {
            name: tag_of(sight.node.origin, self._machine)
            for name, sight in self._fleet.sights.items()
        }


def tag_of(origin: Origin, machine: str) -> str:
    """Name the server at an address, without telling the address."""
    where = origin.socket_path or origin.authority
    text = f"{machine} {where}" if origin.is_local else where
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _unheard(_deployment: Deployment, _seconds: float) -> None:
    pass
