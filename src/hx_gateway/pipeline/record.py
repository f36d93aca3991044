"""What is noted of one call while it is under way, and its one settlement."""

from collections.abc import Sequence

from hx_gateway.core.call import Call
from hx_gateway.core.clock import Clock
from hx_gateway.core.errors import GatewayError
from hx_gateway.core.ports import ReceiptSink
from hx_gateway.core.principal import Principal
from hx_gateway.core.receipt import Attempt, Ending, Receipt
from hx_gateway.core.route import Deployment
from hx_gateway.core.usage import Usage
from hx_gateway.routing.plan import Try


class Record:
    """The notes on one call. `settle` makes the receipt, once, however often it is called."""

    __slots__ = (
        "_began",
        "_call",
        "_clock",
        "_principal",
        "_settled",
        "_sinks",
        "_tried_at",
        "attempts",
        "cost",
        "deployment",
        "fallbacks",
        "first_byte_s",
        "retries",
        "usage",
    )

    def __init__(
        self, call: Call, principal: Principal, clock: Clock, sinks: Sequence[ReceiptSink]
    ) -> None:
        """Start the notes at the moment the call was accepted."""
        self._call = call
        self._principal = principal
        self._clock = clock
        self._sinks = sinks
        self._began = call.started_at
        self._tried_at = 0.0
        self._settled = False
        self.attempts: list[Attempt] = []
        self.deployment: Deployment | None = None
        self.retries = 0
        self.fallbacks = 0
        self.first_byte_s: float | None = None
        self.usage: Usage | None = None
        self.cost: int | None = None

    def trying(self, step: Try) -> float:
        """Note that a deployment is being asked; gives the (monotonic) moment."""
        self.deployment = step.deployment
        if step.retry:
            self.retries += 1
        if step.fallback:
            self.fallbacks += 1
        self._tried_at = self._clock.monotonic()
        return self._tried_at

    def tried(self, fault: str | None = None) -> float:
        """Note the outcome of the attempt; gives the seconds it took to its first byte."""
        now = self._clock.monotonic()
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

    def settle(self, ending: Ending, *, status: int, error: GatewayError | None = None) -> None:
        """Make the receipt and hand it to everybody who wants it."""
        if self._settled:
            return
        self._settled = True
        receipt = self._receipt(ending, status, error)
        for sink in self._sinks:
            sink.take(receipt)

    def _receipt(self, ending: Ending, status: int, error: GatewayError | None) -> Receipt:
        call, principal, deployment = self._call, self._principal, self.deployment
        seconds = self._clock.monotonic() - self._began
        return Receipt(
            call_id=call.id,
            operation=call.operation,
            key_id=principal.key_id,
            alias=principal.alias,
            user_id=principal.user_id,
            team_id=principal.team_id,
            ending=ending,
            status=status,
            started_at=self._clock.now() - seconds,
            seconds=seconds,
            model=call.model,
            stream=call.stream,
            deployment_id=deployment.id if deployment else None,
            provider=deployment.provider.name if deployment else None,
            upstream_model=deployment.model if deployment else None,
            upstream_seconds=self._clock.monotonic() - self._tried_at if deployment else None,
            first_byte_seconds=self.first_byte_s,
            usage=self.usage or Usage(),
            cost=self.cost,
            attempts=tuple(self.attempts),
            error_type=error.error_type if error else None,
            error_code=error.error_code if error else None,
            tags=call.tags,
        )
