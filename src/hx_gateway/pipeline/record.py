"""What is noted of one call while it is under way, and its one settlement."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol

from hx_gateway.core.call import Call
from hx_gateway.core.clock import Clock
from hx_gateway.core.errors import GatewayError
from hx_gateway.core.http import Deadlines, Exchange
from hx_gateway.core.ports import ReceiptSink
from hx_gateway.core.principal import Principal
from hx_gateway.core.receipt import Attempt, Ending, Parties, Receipt
from hx_gateway.core.route import Deployment
from hx_gateway.core.usage import Usage
from hx_gateway.routing.estimate import guess_usage
from hx_gateway.routing.plan import Try

MAX_PARTIES = 10_000
_NOTHING = Usage()


class Flown(Protocol):
    """What the fast path sent on, to be taken over; times are monotonic seconds."""

    tried_at: float

    @property
    def step(self) -> Try:
        """Who is being asked."""
        ...

    def exchange(self, deadlines: Deadlines) -> Coroutine[Any, Any, Exchange]:
        """Take it over; raises what `Sender.send` raises."""
        ...


MadeBy = tuple[str | None, str | None]  # a provider, and its model
_NOBODY: MadeBy = (None, None)


class Desk:
    """What the records of one snapshot share."""

    __slots__ = ("_parties", "clock", "sinks")

    def __init__(self, clock: Clock, sinks: Sequence[ReceiptSink]) -> None:
        """Every receipt goes to all `sinks`."""
        self.clock = clock
        self.sinks = sinks
        self._parties: dict[tuple[str | bool | MadeBy | None, ...], Parties] = {}

    def parties(
        self,
        call: Call,
        principal: Principal,
        deployment: Deployment | None,
        made_by: MadeBy | None = None,
    ) -> Parties:
        """Give the parties of a call; the same object whenever they are the same.

        `made_by`: who once made the answer that was given, where nobody was asked.
        """
        id_, model = (deployment.id, deployment.model) if deployment else (None, made_by)
        key = (
            principal.key_id,
            principal.alias,
            principal.user_id,
            principal.team_id,
            call.model,
            call.operation,
            call.stream,
            id_,
            model,
        )
        parties = self._parties.get(key)
        if parties is None:
            if len(self._parties) >= MAX_PARTIES:
                self._parties.clear()
            parties = self._parties[key] = Parties(
                operation=call.operation,
                model=call.model,
                stream=call.stream,
                key_id=principal.key_id,
                alias=principal.alias,
                user_id=principal.user_id,
                team_id=principal.team_id,
                deployment_id=id_,
                provider=deployment.provider.name if deployment else (made_by or _NOBODY)[0],
                upstream_model=deployment.model if deployment else (made_by or _NOBODY)[1],
            )
        return parties


class Record:
    """The notes on one call. `settle` makes the receipt, once, however often it is called."""

    __slots__ = (
        "_began",
        "_call",
        "_clock",
        "_desk",
        "_is_asking",
        "_made_by",
        "_settled",
        "_tried_at",
        "attempts",
        "cache_hit",
        "cache_key",
        "cost",
        "deployment",
        "ending",
        "fallbacks",
        "first_byte_s",
        "flight",
        "goes_on",
        "group",
        "is_estimated",
        "left",
        "on_end",
        "principal",
        "retries",
        "usage",
    )

    def __init__(self, call: Call, principal: Principal, desk: Desk) -> None:
        """Start the notes at the moment the call was accepted."""
        self._call = call
        self.principal = principal
        self._desk = desk
        self._clock = desk.clock
        self._began = call.started_at
        self._tried_at = 0.0
        self._settled = False
        self._is_asking = False  # an upstream, which costs even if nobody hears it out
        self.attempts: list[Attempt] = []
        self.deployment: Deployment | None = None
        self.retries = 0
        self.fallbacks = 0
        self.group: str | None = None  # the route that was fallen back to
        self.first_byte_s: float | None = None
        self.flight: Flown | None = None
        self.left: int | None = None
        self.on_end: Callable[[Ending], None] | None = None
        self.is_estimated = False
        self.usage: Usage | None = None
        self.cost: int | None = None
        self.ending: Ending | None = None
        self.cache_hit: bool | None = None
        self.cache_key: str | None = None
        self.goes_on = False  # the client is gone, the work in a task of its own is not

    def trying(self, step: Try, since: float | None = None) -> float:
        """Note that a deployment is being asked, now or `since`; gives the (monotonic) moment."""
        self.deployment = step.deployment
        if step.retry:
            self.retries += 1
        if step.fallback:
            self.fallbacks += 1
            self.group = step.route.name
        self._is_asking = True
        self._tried_at = self._clock.monotonic() if since is None else since
        return self._tried_at

    def tried(self, now: float, fault: str | None = None) -> float:
        """Note the outcome of the attempt; gives the seconds it took to its first byte."""
        self._is_asking = False
        seconds = now - self._tried_at
        deployment = self.deployment
        if deployment is not None:
            self.attempts.append(
                Attempt(
                    deployment_id=deployment.id,
                    provider=deployment.provider.name,
                    model=deployment.model,
                    started_at=self._tried_at,
                    seconds=seconds,
                    fault=fault,
                )
            )
        if fault is None:
            self.first_byte_s = now - self._began
        return seconds

    @property
    def call_id(self) -> str:
        """The id of the call, as the client knows it."""
        return self._call.id

    def used(self, usage: Usage | None) -> None:
        """Note the usage and price it in nano-dollars; both stay None when they are unknown."""
        self.usage = usage
        deployment = self.deployment
        if usage is not None and deployment is not None and deployment.price is not None:
            self.cost = deployment.price.cost(usage)

    def estimate(self, pieces: int) -> None:
        """Guess the usage of an answer that was not told to its end; `pieces` of it were seen."""
        if self.usage is None and self.deployment is not None:
            self.is_estimated = True
            self.used(guess_usage(self._call.fields, pieces))

    def abandon(self) -> None:
        """Settle a call whose client left before it had an answer."""
        if self._is_asking:
            self.estimate(0)
        self.settle(Ending.ABANDONED, status=499)

    def leave(self, status: int) -> None:
        """Note that the client has left, and that its answer is read on: it was abandoned."""
        self.left = status

    @property
    def is_left(self) -> bool:
        """Whether the client has left."""
        return self.left is not None

    @property
    def is_carried(self) -> bool:
        """Whether somebody carries it on without its client, and will settle it."""
        return self.goes_on or self.left is not None

    @property
    def is_settled(self) -> bool:
        """Whether there is a receipt."""
        return self._settled

    def served(
        self, usage: Usage | None, label: str, provider: str | None = None, model: str | None = None
    ) -> None:
        """Note that a kept answer was given: its usage is shown, and nothing is paid for it.

        `provider` and its `model` made it once; no deployment was asked now.
        """
        self._made_by = (provider, model)
        self.cache_hit = True
        self.cache_key = label
        self.usage = usage
        self.cost = 0
        self.first_byte_s = self._clock.monotonic() - self._began

    def failed(self, error: GatewayError) -> None:
        """Settle a call that nobody answered."""
        ending = Ending.FAILED if self.attempts else Ending.REFUSED
        self.settle(ending, status=error.http_status, error=error)

    def settle(self, ending: Ending, *, status: int, error: GatewayError | None = None) -> None:
        """Make the receipt and hand it to everybody who wants it."""
        if self._settled:
            return
        self._settled = True
        if self.left is not None:
            ending, status, error = Ending.ABANDONED, self.left, None
            self.estimate(0)
        self.ending = ending
        receipt = self._receipt(ending, status, error)
        for sink in self._desk.sinks:
            sink.take(receipt)
        if self.on_end is not None:
            self.on_end(receipt.ending)

    def _receipt(self, ending: Ending, status: int, error: GatewayError | None) -> Receipt:
        deployment = self.deployment
        now = self._clock.monotonic()
        seconds = now - self._began
        return Receipt(
            call_id=self._call.id,
            parties=self._desk.parties(
                self._call, self.principal, deployment, self._made_by if self.cache_hit else None
            ),
            ending=ending,
            status=status,
            started_at=self._clock.now() - seconds,
            seconds=seconds,
            upstream_seconds=now - self._tried_at if deployment else None,
            first_byte_seconds=self.first_byte_s,
            usage=self.usage or _NOTHING,
            usage_estimated=self.is_estimated,
            cost=self.cost,
            attempts=tuple(self.attempts),
            error_type=error.error_type if error else None,
            error_code=error.error_code if error else None,
            tags=self._call.tags,
            cache_hit=self.cache_hit,
            cache_key=self.cache_key,
        )
