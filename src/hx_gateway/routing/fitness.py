"""Which deployments of a route can take a call at all, and which of them are preferred.

Health and balance come after: they choose among those that are left. A route that asks for none of
this has no rules, and its calls never come here.
"""

from collections.abc import Callable, Mapping, Sequence

import msgspec
from msgspec import Raw

from hx_gateway.core.call import Call, Operation
from hx_gateway.core.errors import ContextWindowExceeded, Unfit, UpstreamError
from hx_gateway.core.route import Deployment, Route
from hx_gateway.routing.estimate import estimate_tokens
from hx_gateway.routing.health import Health
from hx_gateway.routing.meter import Meter
from hx_gateway.routing.pins import NO_MARKS, Marks, PinRules
from hx_gateway.routing.purse import Purses
from hx_gateway.routing.tags import Asked, TagRules, choose

_NOTHING_ASKED = Asked()
# Why a deployment has no room at the moment, None when it has; asked at each choice.
Room = Callable[[Deployment, float, "Need"], UpstreamError | None]
# Narrows what is usable to what is liked best; never to nothing.
Preference = Callable[[Sequence[Deployment], float, "Need"], Sequence[Deployment]]


# Whether a deployment answers this kind of call at all.
Suits = Callable[[Operation, Deployment], bool]


class Need(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one call needs of a deployment. `tokens` is an estimate, 0 when nobody asked for it.

    `asked` is what tags choose by; `peers` are all deployments of the route, `fields` those of the
    call's body. `marks`: what it belongs to, so that who answered before answers again.
    """

    tags: tuple[str, ...] = ()
    asked: Asked = _NOTHING_ASKED
    region: str | None = None
    tokens: int = 0
    peers: Sequence[Deployment] = ()
    fields: Mapping[str, Raw] = {}
    operation: Operation = Operation.CHAT
    marks: Marks = NO_MARKS


class FitRules(msgspec.Struct, frozen=True, kw_only=True):
    """What one route asks of its deployments, decided when the configuration is put to work.

    `by_tags`: only deployments that the call's tags leave (`tags.py`).
    `by_window`: none whose context window is too small, or in another region than wanted.
    `reads_tags`: the tags matter even if they choose nothing. `suits`: none that cannot do what is
    asked. `rooms` and `preferences` are asked in order, `pins` last.
    """

    suits: Suits | None = None
    by_tags: TagRules | None = None
    by_window: bool = False
    reads_tags: bool = False
    counts_tokens: bool = False
    rooms: tuple[Room, ...] = ()
    preferences: tuple[Preference, ...] = ()
    pins: PinRules | None = None

    def for_call(
        self,
        call: Call,
        metadata: Mapping[str, object],
        peers: Sequence[Deployment] = (),
        marks: Marks = NO_MARKS,
    ) -> "Fitness":
        """Apply the rules to a call; `metadata` is that of the caller's key."""
        chooses = self.by_tags is not None
        of_key = _key_tags(metadata) if chooses else ()
        wants_tokens = self.by_window or self.counts_tokens
        need = Need(
            tags=call.tags if self.reads_tags else (),
            asked=_asked(call, of_key) if chooses else _NOTHING_ASKED,
            region=_region(call, metadata) if self.by_window else None,
            tokens=estimate_tokens(call.fields) if wants_tokens else 0,
            peers=peers,
            fields=call.fields,
            operation=call.operation,
            marks=marks,
        )
        return Fitness(self, need)


class Fitness:
    """The rules of a route, applied to one call."""

    __slots__ = ("_need", "_rules")

    def __init__(self, rules: FitRules, need: Need) -> None:
        """Nothing is judged yet."""
        self._rules = rules
        self._need = need

    def admit(self, route: Route) -> Sequence[Deployment]:
        """Give those that can take the call; raises Unfit or ContextWindowExceeded for none."""
        left: Sequence[Deployment] = route.deployments
        if self._rules.suits is not None:
            left = _suitable(left, self._need.operation, self._rules.suits)
        if self._rules.by_tags is not None:
            left = choose(left, self._need.asked, self._rules.by_tags)
            if not left:
                raise Unfit("No deployment of this model may be used with these tags.")
        if self._rules.by_window:
            left = _wide_enough(_in_region(left, self._need.region), self._need.tokens)
        return left

    def obstacle(self, deployment: Deployment, now: float) -> UpstreamError | None:
        """Say why a deployment has no room now; None when it has."""
        for room in self._rules.rooms:
            reason = room(deployment, now, self._need)
            if reason is not None:
                return reason
        return None

    def prefer(self, usable: Sequence[Deployment], now: float) -> Sequence[Deployment]:
        """Narrow what is usable to what is preferred."""
        for preference in self._rules.preferences:
            usable = preference(usable, now, self._need) or usable
        pins = self._rules.pins
        return usable if pins is None else pins.prefer(usable, self._need.marks, now)

    def chosen(self, deployment: Deployment, now: float) -> None:
        """Note who is asked."""
        if self._rules.pins is not None:
            self._rules.pins.chosen(deployment, self._need.marks.marks, now)


def _suitable(
    deployments: Sequence[Deployment], operation: Operation, suits: Suits
) -> Sequence[Deployment]:
    left = [each for each in deployments if suits(operation, each)]
    if not left:
        raise Unfit(
            "The model does not answer this kind of request.",
            status=400,
            type_="invalid_request_error",
            code="unsupported_operation",
            param="model",
        )
    return left


def minute_room(meter: Meter) -> Room:
    """Make the check that holds a deployment's rpm and tpm as hard limits."""

    def room(deployment: Deployment, now: float, need: Need) -> UpstreamError | None:
        return meter.obstacle(deployment, now, need.tokens)

    return room


def within_budget(purses: Purses) -> Room:
    """Make the check that leaves deployments alone whose budget, or a tag's, is used up."""

    def room(deployment: Deployment, now: float, need: Need) -> UpstreamError | None:
        return purses.obstacle(deployment, now, need.tags if purses.reads_tags else ())

    return room


def with_a_place(health: Health) -> Preference:
    """Prefer deployments that are below their `max_parallel_requests`; at the others one waits."""

    def preference(usable: Sequence[Deployment], *_: object) -> Sequence[Deployment]:
        return [
            each
            for each in usable
            if each.max_parallel is None or health.of(each).in_flight < each.max_parallel
        ]

    return preference


def _asked(call: Call, of_key: tuple[str, ...]) -> Asked:
    agent = call.hints.agent if call.hints is not None else ""
    return Asked(tags=call.tags, of_key=of_key, agent=agent)


def _key_tags(metadata: Mapping[str, object]) -> tuple[str, ...]:
    tags = metadata.get("tags")
    return tuple(str(tag) for tag in tags) if isinstance(tags, list | tuple) else ()


def _region(call: Call, metadata: Mapping[str, object]) -> str | None:
    """Give the region the call must stay in: the key's, which a caller cannot widen."""
    of_key = metadata.get("allowed_model_region")
    if isinstance(of_key, str) and of_key:
        return of_key
    return call.wishes.region if call.wishes is not None else None


def _in_region(deployments: Sequence[Deployment], region: str | None) -> Sequence[Deployment]:
    if region is None:
        return deployments
    left = [each for each in deployments if each.region == region]
    if not left:
        raise Unfit("No deployment of this model is in the region that this call may use.")
    return left


def _wide_enough(deployments: Sequence[Deployment], tokens: int) -> Sequence[Deployment]:
    left = [
        each
        for each in deployments
        if each.max_input_tokens is None or tokens <= each.max_input_tokens
    ]
    if not left:
        raise ContextWindowExceeded(
            f"The prompt has about {tokens} tokens, more than the model's context window.",
            status=400,
        )
    return left
