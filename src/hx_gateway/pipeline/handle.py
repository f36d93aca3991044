"""The way of a call, on one screen: find, look up, plan, send, decode or relay, answer, settle."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Protocol

import msgspec

from hx_gateway.auth.policy import check_model
from hx_gateway.core.call import Call
from hx_gateway.core.clock import Clock
from hx_gateway.core.errors import GatewayError, ModelMissing, TimedOut, UpstreamError
from hx_gateway.core.http import Response
from hx_gateway.core.ports import ReceiptSink
from hx_gateway.core.principal import Principal
from hx_gateway.core.route import Deployment, Route
from hx_gateway.core.snapshot import RoutingSettings
from hx_gateway.pipeline.cached import CachedAnswers
from hx_gateway.pipeline.planner import Planner
from hx_gateway.pipeline.record import Desk, Flown, Record
from hx_gateway.pipeline.trial import trial_call
from hx_gateway.routing.health import Health
from hx_gateway.routing.plan import GiveUp, Plan, Step, Try
from hx_gateway.routing.table import Table

TRIAL_S = 10.0


class Attempts(Protocol):
    """Asks one deployment; an `Attempter` is one."""

    @property
    def is_plain(self) -> bool:
        """Whether to ask a deployment, where no node is, is all it does."""
        ...

    def attempt(
        self, call: Call, step: Try, record: Record, plan: Plan | None = None
    ) -> Awaitable[Response]:
        """Give an answer that has begun; raises UpstreamError when there is none."""
        ...


class Pipeline:
    """Answers calls with the routes of one snapshot. Read `handle` first."""

    def __init__(
        self,
        *,
        table: Table,
        planner: Planner,
        health: Health,
        attempter: Attempts,
        settings: RoutingSettings,
        clock: Clock,
        sinks: Sequence[ReceiptSink],
        cached: CachedAnswers | None = None,
    ) -> None:
        """Put the parts together; all of them outlive a call. `cached` None: no answer is kept."""
        self.table = table
        self.cached = cached
        self.health = health
        self.planner = planner
        self._attempter = attempter
        self._clock = clock
        self.desk = Desk(clock, sinks)
        self._denied_status = settings.model_denied_status
        self._timeout_status = settings.timeout_status

    @property
    def is_plain(self) -> bool:
        """Whether to answer a call is to ask a deployment, and nobody else."""
        return self.cached is None and self.planner.pinning is None and self._attempter.is_plain

    async def handle(
        self, call: Call, principal: Principal, flight: Flown | None = None
    ) -> Response:
        """Answer one call; raises GatewayError. However it ends, it leaves one receipt.

        `flight`: it was sent already, on the fast path.
        """
        record = Record(call, principal, self.desk)
        record.flight = flight
        try:
            route = self.table.find(call.model)
            check_model(principal, call.model, route.access_groups, route.name, self._denied_status)
            if self.cached is None:
                return await self._dispatch(call, route, record)
            return await self.cached.answer(call, principal, route, record, self._dispatch)
        except GatewayError as error:
            if isinstance(error, TimedOut):
                error.http_status = self._timeout_status
            record.failed(error)
            raise
        except asyncio.CancelledError:
            if not record.is_carried:
                record.abandon()
            raise

    async def _dispatch(self, call: Call, route: Route, record: Record) -> Response:
        """Ask where the plan says until somebody begins to answer; raises the last fault."""
        principal = record.principal
        pinning = self.planner.pinning
        if pinning is not None:
            await pinning.recall(route, call, principal)
        plan: Plan | None
        step: Step
        if record.flight is not None:
            plan, step = None, record.flight.step
        else:
            plan, step = self.planner.begin(route, call, principal, self._clock.monotonic())
        while not isinstance(step, GiveUp):
            if step.wait:
                await self._clock.sleep(step.wait)
            try:
                asked = _asked(call, step) if step.fields else call
                return await self._attempter.attempt(asked, step, record, plan)
            except UpstreamError as fault:
                plan = plan or self.planner.plan(route, call, principal).begun(step)
                step = plan.after(fault, self._clock.monotonic())
        if route.pattern is not None and isinstance(step.fault, ModelMissing):
            # A wildcard takes any name, so it was the caller who named what nobody has.
            raise self.table.unknown(call.model) from step.fault
        raise step.fault

    async def trial(
        self, route: Route, deployment: Deployment, principal: Principal
    ) -> GatewayError | None:
        """Ask one deployment for as little as can be; gives what went wrong.

        An inference like any other: it costs, leaves its receipt, and opens or closes the breaker.
        """
        call = trial_call(deployment, route.name, self._clock.monotonic(), int(self._clock.now()))
        if call is None:
            return None
        record = Record(call, principal, self.desk)
        try:
            async with asyncio.timeout(TRIAL_S):
                await self._attempter.attempt(call, Try(deployment=deployment, route=route), record)
        except TimeoutError:
            record.abandon()
            return TimedOut("The upstream did not answer in time.")
        except GatewayError as error:
            record.failed(error)
            return error
        return None

    def state_of(self, deployment: Deployment) -> str:
        """Say how a deployment stands, for health pages."""
        return self.health.of(deployment).state(self._clock.monotonic()).value


def _asked(call: Call, step: Try) -> Call:
    """Give a changed copy of the call: a caller may want other fields for a fallback."""
    return msgspec.structs.replace(call, fields={**call.fields, **step.fields})
