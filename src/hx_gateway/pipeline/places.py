"""Wait for a place at a deployment that answers only so many calls at once.

LiteLLM's `max_parallel_requests`: whoever comes when all places are taken waits, by priority, then
in order.
"""

import asyncio

from hx_gateway.core.clock import Clock
from hx_gateway.core.errors import Exhausted
from hx_gateway.core.route import Deployment
from hx_gateway.pipeline.quota import Quota
from hx_gateway.routing.plan import NEVER, Plan
from hx_gateway.routing.vitals import Vitals


async def enter(
    deployment: Deployment, vitals: Vitals, clock: Clock, quota: Quota | None, plan: Plan | None
) -> None:
    """Keep a deployment's own limits: those of its minute, then its places; raises Exhausted.

    The attempt must begin at once when it returns: a place is taken by beginning.
    """
    if quota is not None and quota.meter.knows(deployment.id):
        await quota.admit(deployment)
    if deployment.max_parallel is not None:
        until, priority = (NEVER, 0) if plan is None else (plan.deadline, plan.priority)
        await wait_for_place(deployment, vitals, clock, until, priority)


async def wait_for_place(
    deployment: Deployment, vitals: Vitals, clock: Clock, until: float, priority: int = 0
) -> None:
    """Return when there is a place; take it at once. Raises Exhausted when time runs out.

    `until` (monotonic) is the call's own end; nobody waits longer than for an answer's first byte.
    """
    most = deployment.max_parallel
    if most is None or (vitals.in_flight < most and not vitals.queue):
        return
    until = min(until, clock.monotonic() + deployment.deadlines.first_byte)
    ticket = 0
    while True:
        come: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        ticket = vitals.line_up(come, priority, ticket)
        try:
            async with asyncio.timeout(until - clock.monotonic()):
                await come
        except TimeoutError:
            raise Exhausted(
                "The model answers as many calls at once as it may; try again shortly.",
                code="deployment_busy",
                retry_after_s=1.0,
            ) from None
        except asyncio.CancelledError:
            if come.done() and not come.cancelled():
                vitals.call_next()  # the turn was given to somebody who has left
            raise
        if vitals.in_flight < most:
            return
        # Somebody was quicker: back to the same position in the line.
