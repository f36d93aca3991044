"""The fast path of chats: an ordinary call to the only deployment of a route, without a run.

What makes a call ordinary is decided before anything happens; whatever is not goes the way of every
call (`handle`). So does a call whose answer is not a plain whole one: it is taken over there as
something that was sent already, with all that may follow (faults, retries, fallbacks, estimates).
"""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Protocol

import msgspec

from hx_gateway.adapter.request import lane_of
from hx_gateway.auth.policy import check_model
from hx_gateway.core.call import Call, Operation
from hx_gateway.core.clock import Clock
from hx_gateway.core.errors import GatewayError, Interrupted
from hx_gateway.core.fast import Door, Landing, Line, Pass, Sent
from hx_gateway.core.http import Deadlines, Exchange, HttpRequest, Origin
from hx_gateway.core.ports import ReceiptSink
from hx_gateway.core.principal import Principal, Scope
from hx_gateway.core.receipt import Attempt, Ending, Parties, Receipt
from hx_gateway.core.strict import as_written
from hx_gateway.core.usage import Usage, usd
from hx_gateway.core.wire import encode, is_utf8
from hx_gateway.dialects.openai_chat import ChatOut, find_usage
from hx_gateway.pipeline.attempt import named_lines
from hx_gateway.pipeline.controls import SPECIAL
from hx_gateway.pipeline.planner import Planner
from hx_gateway.pipeline.record import Desk
from hx_gateway.pipeline.tags import HEADER as TAGS
from hx_gateway.pipeline.wishes import HEADERS as WISHES
from hx_gateway.routing.health import Health, Vitals
from hx_gateway.routing.plan import Try
from hx_gateway.routing.table import Table

DIALECT = "openai_chat"
MAX_BODY = 48 * 1024  # of more, some may have to wait until the upstream takes it
MAX_WAYS = 64  # models one head asks for
LONGEST_NAME = 256  # of a model: what is kept for each head must not grow with what is sent
_OUT_OF_THE_ORDINARY = WISHES | {TAGS, b"origin", b"x-litellm-call-id", b"x-request-id"}
_UNLIKELY = SPECIAL | {"metadata"}
_STREAM = b'"stream":true'  # seen at once, so that streams lose no time here
_NOTHING = Usage()
_LINES = b"%bx-litellm-call-id: %b\r\nx-request-id: %b\r\n"
_LINES_WITH_COST = b"%bx-litellm-call-id: %b\r\nx-litellm-response-cost: %b\r\nx-request-id: %b\r\n"


class Count(Protocol):
    """A number of answers."""

    n: int


class Lines(Protocol):
    """Opens lines to upstreams; the client is one."""

    def line(self, origin: Origin, request: HttpRequest, deadlines: Deadlines) -> Line:
        """Raise GatewayError where there can be none."""
        ...


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """What all ordinary calls of one caller for one model have in common.

    `before` and `after`: how most bodies begin, and how they do for the upstream: then that is all
    that is changed. `lines`: what all answers say. `count` counts an answer.
    """

    step: Try
    principal: Principal
    parties: Parties
    line: Line
    vitals: Vitals
    sinks: tuple[ReceiptSink, ...]
    clock: Clock
    next_id: Callable[[], str]
    count: Count
    before: bytes
    after: bytes
    lines: bytes


class FastChats:
    """Makes the fast paths of one snapshot."""

    def __init__(
        self, *, table: Table, planner: Planner, health: Health, desk: Desk, lines: Lines,
        count: Callable[[str, int], Count],
    ) -> None:  # fmt: skip
        """Only for a snapshot without cache, quotas and hints: each call would have to be seen.

        `count` gives what counts the answers of an endpoint by status.
        """
        self.desk = desk
        self._table = table
        self._planner = planner
        self._health = health
        self._lines = lines
        self._count = count

    def make(self, name: str, headers: Mapping[bytes, bytes], door: Door) -> "FastHead | None":
        """See `MakeFast`; `name` is that of the endpoint."""
        if not _OUT_OF_THE_ORDINARY.isdisjoint(headers):
            return None
        return FastHead(self, name, door)

    def find(self, model: str, principal: Principal, name: str, door: Door) -> Way | None:
        """Find the way of a caller's calls for a model; None when each has to be looked at."""
        try:
            return self._find(model, principal, name, door)
        except GatewayError:
            return None

    def _find(self, model: str, principal: Principal, name: str, door: Door) -> Way | None:
        route = self._table.find(model)
        check_model(principal, model, route.access_groups, route.name)
        step = self._planner.only_choice(route)
        if step is None or Scope.INFERENCE not in principal.scopes:
            return None
        deployment = step.deployment
        if deployment.canned is not None or deployment.max_parallel is not None:
            return None
        if deployment.node is not None or deployment.on_disconnect.drain_s:
            return None
        call = Call(id="", operation=Operation.CHAT, dialect=DIALECT, model=model, fields={})
        lane = lane_of(call, deployment)
        if lane is None or not isinstance(lane.out, ChatOut):
            return None
        request = HttpRequest(path=lane.path, headers=lane.headers)
        return Way(
            step=step,
            principal=principal,
            parties=self.desk.parties(call, principal, deployment),
            line=self._lines.line(deployment.origin, request, deployment.deadlines),
            vitals=self._health.of(deployment),
            sinks=tuple(self.desk.sinks),
            clock=self.desk.clock,
            next_id=door.next_id,
            count=self._count(name, 200),
            before=b'{"model":%b,' % encode(model),
            after=b'{"model":%b,' % encode(deployment.model),
            lines=named_lines(deployment.id, model, stream=False),
        )


class FastHead:
    """The fast path of the requests with one head: the same caller, again and again."""

    __slots__ = ("_chats", "_clock", "_door", "_max_body", "_name", "_pass", "_ways")

    def __init__(self, chats: FastChats, name: str, door: Door) -> None:
        """Know nobody yet."""
        self._chats = chats
        self._clock = chats.desk.clock
        self._name = name
        self._door = door
        self._max_body = min(door.max_body, MAX_BODY)
        self._pass: Pass | None = None
        self._ways: dict[str, Way | None] = {}

    def begin(self, body: bytes, landing: Landing) -> "FlightOfChat | None":
        """See `FastPath`."""
        started_at = self._clock.monotonic()
        caller = self._pass
        if (
            len(body) > self._max_body
            or _STREAM in body
            or not ((caller is not None and caller.holds()) or self._recognise())
        ):
            return None
        plain = _ordinary(body)
        if plain is None:
            return None
        model: str = plain["model"]
        way = self._ways.get(model) or self._way(model)
        if way is None or way.vitals.open_until:
            return None
        if body.startswith(way.before):
            body = way.after + body[len(way.before) :]
        else:
            plain["model"] = way.step.deployment.model
            body = encode(plain)
        flight = FlightOfChat(way, landing, started_at, self._clock.monotonic())
        flight.sent = way.line.send(body, flight)
        if flight.sent is None:
            return None
        way.vitals.in_flight += 1
        return flight

    def _recognise(self) -> bool:
        known, self._pass = self._pass, self._door.recognise()
        if self._pass is None:
            return False
        if known is None or known.principal is not self._pass.principal:
            self._ways = {}
        return True

    def _way(self, model: str) -> Way | None:
        if model in self._ways or self._pass is None:
            return None
        if len(self._ways) >= MAX_WAYS:
            self._ways.clear()
        way = self._chats.find(model, self._pass.principal, self._name, self._door)
        self._ways[model] = way
        return way


def _ordinary(body: bytes) -> dict[str, Any] | None:
    """Read the body of an ordinary chat; None for any other, and for all that would be refused."""
    plain = as_written(body)
    if plain is None or not _UNLIKELY.isdisjoint(plain):
        return None
    model, messages, stream = plain.get("model"), plain.get("messages"), plain.get("stream")
    if type(model) is not str or len(model) > LONGEST_NAME:
        return None
    if stream is not None and stream is not False:  # 0 and the like are refused
        return None
    return plain if type(messages) is list and messages else None


class FlightOfChat:
    """One call that was sent on. `started_at` and `tried_at` are monotonic seconds."""

    __slots__ = ("_landing", "_way", "sent", "started_at", "tried_at")

    def __init__(self, way: Way, landing: Landing, started_at: float, tried_at: float) -> None:
        """Nothing is sent yet."""
        self._way = way
        self._landing = landing
        self.sent: Sent | None = None
        self.started_at = started_at
        self.tried_at = tried_at

    def wake(self, fault: Exception | None) -> None:
        """See `Waiter`: answer, or let it be answered the long way."""
        way, sent = self._way, self.sent
        if sent is None:  # it was dropped
            return
        body = None if fault is not None else sent.whole()
        if body is None or not is_utf8(body):
            self._landing.carry_on()
            return
        try:
            usage = find_usage(body)
            now = way.clock.monotonic()
            lines = self._settle(way, usage, now)
        except Exception:  # noqa: BLE001 - it comes up again there, where it is dealt with
            self._landing.carry_on()
            return
        self.sent = None
        sent.release()
        vitals = way.vitals
        vitals.succeeded(now, now - self.tried_at, tokens=0 if usage is None else usage.output)
        vitals.release()
        self._landing.land(lines, body)

    def drop(self) -> None:
        """See `Flight`."""
        sent, self.sent = self.sent, None
        if sent is not None:
            sent.abort()
            self._way.vitals.release()

    # Who takes it over

    @property
    def principal(self) -> Principal:
        """Who asked."""
        return self._way.principal

    @property
    def step(self) -> Try:
        """Who is being asked."""
        return self._way.step

    def exchange(self, deadlines: Deadlines) -> Coroutine[Any, Any, Exchange]:
        """Take over what was sent: from here on it is the caller's to end, its place included."""
        sent, self.sent = self.sent, None
        if sent is None:
            raise Interrupted("The request was taken over already.")
        return self._way.line.exchange(sent, deadlines)

    # The rest

    def _settle(self, way: Way, usage: Usage | None, now: float) -> bytes:
        """Leave the receipt; gives the header lines of the answer."""
        deployment = way.step.deployment
        price = deployment.price
        cost = None if price is None or usage is None else price.cost(usage)
        id_ = way.next_id()
        whole, seconds = now - self.started_at, now - self.tried_at
        receipt = Receipt(
            call_id=id_,
            parties=way.parties,
            ending=Ending.COMPLETE,
            status=200,
            started_at=way.clock.now() - whole,
            seconds=whole,
            upstream_seconds=seconds,
            first_byte_seconds=whole,
            usage=usage or _NOTHING,
            cost=cost,
            attempts=(
                Attempt(
                    deployment_id=deployment.id,
                    provider=deployment.provider.name,
                    model=deployment.model,
                    started_at=self.tried_at,
                    seconds=seconds,
                ),
            ),
        )
        for sink in way.sinks:
            sink.take(receipt)
        way.count.n += 1
        id_line = id_.encode()
        if cost is None:
            return _LINES % (way.lines, id_line, id_line)
        return _LINES_WITH_COST % (way.lines, id_line, usd(cost).encode(), id_line)
