"""Which deployment answered somebody before, so that calls that belong together go to one place.

LiteLLM's affinities: of a session, of a key, of a prompt that a provider keeps in its cache.
Holds names and times only; reads no clock.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence

import msgspec

from hx_gateway.core.call import Call
from hx_gateway.core.route import Deployment, Route
from hx_gateway.routing.prefix import kept_prefixes

SESSION, KEY, PROMPT = "session_affinity", "deployment_affinity", "prompt_caching"
AFFINITIES = frozenset({SESSION, KEY, PROMPT})
MOST = 100_000


class Mark(msgspec.Struct, frozen=True, gc=False):
    """A name under which it is noted who answers, and for how long."""

    name: str
    ttl_s: float


class Marks(msgspec.Struct, frozen=True, kw_only=True):
    """What a call belongs to: names to look for, the best first, and marks to set."""

    names: tuple[str, ...] = ()
    marks: tuple[Mark, ...] = ()


NO_MARKS = Marks()


class Pins:
    """Notes of who answered what. Bounded: past `most`, the oldest go first."""

    def __init__(self, most: int = MOST) -> None:
        """Nothing is noted yet; `on_change` is told of a new note: name, deployment, seconds."""
        self._most = most
        self._pins: dict[str, tuple[str, float]] = {}
        self.on_change: Callable[[str, str, float], None] | None = None

    def get(self, name: str, now: float) -> str | None:
        """Get the deployment that is noted; None when there is none, or no longer."""
        found = self._pins.get(name)
        return found[0] if found is not None and now < found[1] else None

    def note(self, mark: Mark, deployment_id: str, now: float) -> None:
        """Note who answers; tells others when that is new, or half of its time is over."""
        found = self._pins.get(mark.name)
        is_known = found is not None and found[0] == deployment_id
        is_fresh = found is not None and found[1] - now > mark.ttl_s / 2
        if is_known and is_fresh:
            return
        self.learn(mark, deployment_id, now)
        if self.on_change is not None:
            self.on_change(mark.name, deployment_id, mark.ttl_s)

    def learn(self, mark: Mark, deployment_id: str, now: float) -> None:
        """Keep what is noted elsewhere already."""
        self._pins.pop(mark.name, None)  # so that the dict stays in the order of age
        self._pins[mark.name] = (deployment_id, now + mark.ttl_s)
        while len(self._pins) > self._most:
            del self._pins[next(iter(self._pins))]


class PinRules(msgspec.Struct, frozen=True, kw_only=True):
    """What calls of one route belong to. `notes` False: looked at only (an explanation)."""

    pins: Pins
    affinities: frozenset[str]
    ttl_s: float = 3600.0
    notes: bool = True

    def marks_of(self, call: Call, route: Route, owner: str) -> Marks:
        """Say what a call of a key (`owner`) belongs to; sessions of another key are others."""
        scope = f"{route.name}:{owner}"
        found: list[Mark] = []
        names: list[str] = []
        session = call.hints.session if call.hints is not None else None
        if SESSION in self.affinities and session:
            found.append(Mark(f"session:{scope}:{_digest(session)}", self.ttl_s))
        if KEY in self.affinities:
            found.append(Mark(f"key:{scope}", self.ttl_s))
        names += [mark.name for mark in found]
        if PROMPT in self.affinities:
            # A provider keeps prompts by its own credential, whoever of our callers sent them.
            kept, begin = kept_prefixes(call.fields), f"prompt:{route.name}:"
            found += [Mark(begin + digest, ttl_s) for digest, ttl_s in kept.marked]
            names += [begin + digest for digest in kept.digests]
        return Marks(names=tuple(names), marks=tuple(found)) if names else NO_MARKS

    def prefer(
        self, usable: Sequence[Deployment], marks: Marks, now: float
    ) -> Sequence[Deployment]:
        """Give the one that answered before, if it is among them; else all."""
        for name in marks.names:
            pinned = self.pins.get(name, now)
            if pinned is not None:
                found = [each for each in usable if each.id == pinned]
                if found:
                    return found
        return usable

    def chosen(self, deployment: Deployment, marks: Iterable[Mark], now: float) -> None:
        """Note who is asked now."""
        if self.notes:
            for mark in marks:
                self.pins.note(mark, deployment.id, now)


def _digest(text: str) -> str:
    """Shorten a client's own text: it may be long, and is nobody else's business."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]
