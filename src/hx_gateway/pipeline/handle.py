"""The way of a call, on one screen: find, look up, plan, send, decode or relay, answer, settle."""

import asyncio
from collections.abc import Sequence

from hx_gateway.auth.policy import check_model
from hx_gateway.core.call import Call
from hx_gateway.core.clock import Clock, Random
from hx_gateway.core.errors import GatewayError, UpstreamError
from hx_gateway.core.http import Response
from hx_gateway.core.ports import ReceiptSink
from hx_gateway.core.principal import Principal
from hx_gateway.core.route import Deployment, Route
from hx_gateway.core.snapshot import RoutingSettings
from hx_gateway.pipeline.attempt import Attempter
from hx_gateway.pipeline.cached import CachedAnswers
from hx_gateway.pipeline.record import Record
from hx_gateway.routing.health import Health
from hx_gateway.routing.plan import GiveUp, Plan, RetryPolicy, Step, Try
from hx_gateway.routing.table import Table


class Pipeline:
    """Answers calls with the routes of one snapshot. Read `handle` first."""

    def __init__(
        self,
        *,
        table: Table,
        health: Health,
        attempter: Attempter,
        settings: RoutingSettings,
        clock: Clock,
        random: Random,
        sinks: Sequence[ReceiptSink],
        cached: CachedAnswers | None = None,
    ) -> None:
        """Put the parts together; all of them outlive a call. `cached` None: no answer is kept."""
        self.table = table
        self.cached = cached
        self.health = health
        self._attempter = attempter
        self._clock = clock
        self._random = random
        self._sinks = sinks
        self._policy = RetryPolicy(
            retries=settings.num_retries,
            attempts=settings.max_attempts,
            fallbacks=settings.max_fallbacks,
            minimum_wait_s=settings.retry_after_s,
        )
        self._only_choices = {
            route.name: Try(deployment=route.deployments[0], route=route)
            for route in table.routes()
            if len(route.deployments) == 1
        }

    async def handle(self, call: Call, principal: Principal) -> Response:
        """Answer one call; raises GatewayError. However it ends, it leaves one receipt."""
        record = Record(call, principal, self._clock, self._sinks)
        try:
            route = self.table.find(call.model)
            check_model(principal, call.model, route.access_groups)
            if self.cached is None:
                return await self._dispatch(call, route, record)
            return await self.cached.answer(call, principal, route, record, self._dispatch)
        except GatewayError as error:
            record.failed(error)
            raise
        except asyncio.CancelledError:
            if not record.is_carried:
                record.abandon()
            raise

    async def _dispatch(self, call: Call, route: Route, record: Record) -> Response:
        """Ask where the plan says until somebody begins to answer; raises the last fault."""
        plan, step = self._begin(route)
        while not isinstance(step, GiveUp):
            if step.wait:
                await self._clock.sleep(step.wait)
            try:
                return await self._attempter.attempt(call, step, record)
            except UpstreamError as fault:
                plan = plan or self._plan(route).begun(step)
                step = plan.after(fault, self._clock.monotonic())
        raise step.fault

    def _begin(self, route: Route) -> tuple[Plan | None, Step]:
        """Say whom to ask first; nearly always that is the only one there is, without a plan."""
        now = self._clock.monotonic()
        only = self._only_choices.get(route.name)
        if only is not None and self.health.is_usable(only.deployment, now):
            return None, only
        plan = self._plan(route)
        return plan, plan.first(now)

    def _plan(self, route: Route) -> Plan:
        return Plan(
            route,
            find=self.table.get,
            health=self.health,
            random=self._random,
            policy=self._policy,
        )

    def state_of(self, deployment: Deployment) -> str:
        """Say how a deployment stands, for health pages."""
        return self.health.of(deployment).state(self._clock.monotonic()).value
