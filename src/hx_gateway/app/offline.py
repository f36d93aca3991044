"""Explains calls without a running gateway: the configuration alone, with nothing opened."""

from collections.abc import Mapping
from random import Random

from hx_gateway.app.probe import Said
from hx_gateway.auth.identify import MASTER
from hx_gateway.core import wire
from hx_gateway.core.call import Call
from hx_gateway.core.clock import SystemClock
from hx_gateway.core.errors import GatewayError
from hx_gateway.core.http import Response
from hx_gateway.core.snapshot import Snapshot
from hx_gateway.pipeline.explain import Explainer
from hx_gateway.pipeline.handle import Pipeline
from hx_gateway.pipeline.hints import hint_reader
from hx_gateway.pipeline.planner import Planner, fit_rules, ground_of
from hx_gateway.pipeline.record import Record
from hx_gateway.routing.health import Health
from hx_gateway.routing.meter import Meter
from hx_gateway.routing.plan import Plan, Try
from hx_gateway.routing.table import Table
from hx_gateway.web.explain import Asked, explained
from hx_gateway.web.inference import Inference

_NO_KEYS = "Only a running gateway can judge a key; start it, or leave --key out."


def explain_offline(snapshot: Snapshot, body: Mapping[str, object]) -> Said:
    """Answer as `/v1/explain` would, for the master key; keys need the store that is not open."""
    try:
        asked = wire.decode_as(wire.encode(body), Asked)
        if asked.key is not None:
            return _refused(_NO_KEYS)
        told = _explain(snapshot, asked)
    except GatewayError as error:
        return _refused(error.message)
    return Said(status=200, value=wire.decode_any(wire.encode(told)))


def _explain(snapshot: Snapshot, asked: Asked) -> object:
    settings, table, clock, health = snapshot.routing, Table(snapshot), SystemClock(), Health()
    ground = ground_of(settings, health, Random(), Meter())  # noqa: S311 - no secret
    planner = Planner(table, ground, fit_rules(table.routes(), settings, ground))
    pipeline = Pipeline(
        table=table,
        planner=planner,
        health=health,
        attempter=_Nobody(),
        settings=settings,
        clock=clock,
        sinks=(),
    )
    inference = Inference(pipeline, snapshot.server, clock, hint_reader(snapshot))
    explainer = Explainer(table, planner, clock)
    return explained(explainer, inference, asked, MASTER, is_admin=True)


class _Nobody:
    """Asks nobody: nothing is sent from here."""

    is_plain = False

    async def attempt(
        self,
        call: Call,  # noqa: ARG002 - the port
        step: Try,  # noqa: ARG002
        record: Record,  # noqa: ARG002
        plan: Plan | None = None,  # noqa: ARG002
    ) -> Response:
        """Refuse."""
        raise AssertionError("an explanation sends nothing")


def _refused(message: str) -> Said:
    return Said(status=400, value={"error": {"message": message}})
