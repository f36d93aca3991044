"""The wiring: how one snapshot and the long-lived parts become an application."""

from collections.abc import Mapping, Sequence
from random import Random

import msgspec

from hx_gateway.app.answers import assemble_cache, near_answers
from hx_gateway.app.embedder import PipelineEmbedder
from hx_gateway.app.observer import Observer
from hx_gateway.app.parts import Parts
from hx_gateway.auth.identify import Gatekeeper
from hx_gateway.core.ports import ReceiptSink
from hx_gateway.core.snapshot import Snapshot
from hx_gateway.dialects.registry import WAYS_IN
from hx_gateway.manage.answers import AnswerKeeper
from hx_gateway.manage.checks import Checkup
from hx_gateway.manage.directory import Directory
from hx_gateway.manage.keys import KeyService
from hx_gateway.manage.nodes import NodeService
from hx_gateway.manage.responses import ResponseShelf
from hx_gateway.manage.teams import TeamService
from hx_gateway.manage.users import UserService
from hx_gateway.pipeline.attempt import Attempter
from hx_gateway.pipeline.cached import CachedAnswers
from hx_gateway.pipeline.carry import Carrier, suits
from hx_gateway.pipeline.counting import TokenCounter
from hx_gateway.pipeline.explain import Explainer
from hx_gateway.pipeline.fast import FastChats
from hx_gateway.pipeline.gate import NodeGate
from hx_gateway.pipeline.handle import Attempts, Pipeline
from hx_gateway.pipeline.hints import hint_reader
from hx_gateway.pipeline.pinning import Pinning
from hx_gateway.pipeline.planner import Planner, counts_use, fit_rules, ground_of, looking
from hx_gateway.pipeline.quota import Quota
from hx_gateway.rag.service import DocumentService
from hx_gateway.routing.fitness import FitRules
from hx_gateway.routing.table import Table
from hx_gateway.web import (
    budgets,
    cache,
    counting,
    directory,
    docs,
    explain,
    health,
    inference,
    keys,
    listing,
    media,
    metrics,
    models,
    nodes,
    openapi,
    rag,
    responses,
    teams,
    users,
)
from hx_gateway.web.application import WebApplication
from hx_gateway.web.endpoint import Endpoint
from hx_gateway.web.spool import SpoolRoom


class Assembly(msgspec.Struct, frozen=True, kw_only=True):
    """One snapshot at work: swapped whole on a reload; calls under way keep the one they began."""

    snapshot: Snapshot
    application: WebApplication
    pipeline: Pipeline
    observer: Observer
    checkup: Checkup
    shelf: ResponseShelf


def assemble(snapshot: Snapshot, parts: Parts, checkup: Checkup) -> Assembly:
    """Put an application together; pure wiring, nothing is opened here."""
    observer = Observer(parts.metrics, parts.access_log, parts.clock)
    gatekeeper = Gatekeeper(snapshot.auth, parts.keyring)
    pipeline = _pipeline(snapshot, parts)
    shelf = ResponseShelf(parts.store, snapshot.responses, parts.clock)
    endpoints = _endpoints(snapshot, parts, pipeline, gatekeeper, checkup, shelf)
    return Assembly(
        snapshot=snapshot,
        application=WebApplication(endpoints, gatekeeper, snapshot.server, observer.answered),
        pipeline=pipeline,
        observer=observer,
        checkup=checkup,
        shelf=shelf,
    )


def _pipeline(snapshot: Snapshot, parts: Parts) -> Pipeline:
    if not snapshot.cache.is_on:
        return _pipeline_with(snapshot, parts, None)
    uncached = _pipeline_with(snapshot, parts, None)
    return _pipeline_with(snapshot, parts, assemble_cache(snapshot, parts, uncached))


def _pipeline_with(
    snapshot: Snapshot, parts: Parts, cached: CachedAnswers | None, *, carries: bool = False
) -> Pipeline:
    settings, table = snapshot.routing, Table(snapshot)
    quota = _quota(snapshot, table, parts)
    attempter = Attempter(
        sender=parts.client,
        health=parts.health,
        clock=parts.clock,
        ways_in=WAYS_IN,
        drainer=parts.drainer,
        watchdog=parts.watchdog,
        quota=quota,
    )
    asker: Attempts = _carrier(attempter, parts, quota) if carries else attempter
    if snapshot.nodes:
        asker = NodeGate(asker, parts.fleet, parts.clock, parts.node_metrics.waited)
    purses = parts.spending.purses if snapshot.budgets else None
    ground = ground_of(settings, parts.health, parts.random, parts.meter, purses, parts.pins)
    rules = fit_rules(table.routes(), settings, ground, parts.fleet, suits if carries else None)
    return Pipeline(
        table=table,
        planner=Planner(table, ground, rules, _pinning(snapshot, parts, rules)),
        health=parts.health,
        attempter=asker,
        settings=settings,
        clock=parts.clock,
        sinks=_sinks(snapshot, parts, quota),
        cached=cached,
    )


def _fast(parts: Parts, pipeline: Pipeline) -> FastChats | None:
    """Make the fast path where no call needs more than a deployment that is asked."""
    if not pipeline.is_plain:
        return None
    return FastChats(
        table=pipeline.table,
        planner=pipeline.planner,
        health=parts.health,
        desk=pipeline.desk,
        lines=parts.client,
        count=parts.metrics.counter,
    )


def _sinks(snapshot: Snapshot, parts: Parts, quota: Quota | None) -> Sequence[ReceiptSink]:
    """Give who hears of settled calls: what counts use and budgets only if somebody asks."""
    counting: list[ReceiptSink] = [] if quota is None else [quota]
    if snapshot.budgets:
        counting.append(parts.spending)
    return (*parts.sinks, *counting)


def _pinning(snapshot: Snapshot, parts: Parts, rules: Mapping[str, FitRules]) -> Pinning | None:
    """Share who answered before, where it is noted and there is a Redis."""
    noting = {name: each.pins for name, each in rules.items() if each.pins is not None}
    if not noting or snapshot.redis.url is None:
        return None
    return Pinning(parts.pins, noting, parts.counters, parts.clock)


def _carrier(attempter: Attempter, parts: Parts, quota: Quota | None) -> Carrier:
    return Carrier(
        attempter=attempter,
        sender=parts.client,
        health=parts.health,
        clock=parts.clock,
        ways_in=WAYS_IN,
        drainer=parts.drainer,
        watchdog=parts.watchdog,
        quota=quota,
    )


def _media(snapshot: Snapshot, parts: Parts, cached: CachedAnswers | None) -> Sequence[Endpoint]:
    """Make the routes beside text. They have a pipeline of their own, so that text pays nothing."""
    pipeline = _pipeline_with(snapshot, parts, cached, carries=True)
    room = SpoolRoom(snapshot.state_dir)
    return media.endpoints(pipeline, snapshot.server, parts.clock, room, hint_reader(snapshot))


def explainer(snapshot: Snapshot, parts: Parts) -> Explainer:
    """Make what explains calls: the same rules and vitals, but chances of its own."""
    settings, table = snapshot.routing, Table(snapshot)
    purses = parts.spending.purses if snapshot.budgets else None
    chance = Random()  # noqa: S311 - no secret
    ground = ground_of(settings, parts.health, chance, parts.meter, purses, parts.pins)
    rules = looking(fit_rules(table.routes(), settings, ground, parts.fleet))
    planner = Planner(table, ground, rules)
    return Explainer(table, planner, parts.clock)


def _quota(snapshot: Snapshot, table: Table, parts: Parts) -> Quota | None:
    """Count the use of deployments, if any route asks for it; shared when there is a Redis."""
    counted = [
        deployment
        for route in table.routes()
        if counts_use(route, snapshot.routing)
        for deployment in route.deployments
    ]
    counters = parts.counters if snapshot.redis.url is not None else None
    return Quota(parts.meter, parts.clock, counters, counted) if counted else None


def _endpoints(
    snapshot: Snapshot,
    parts: Parts,
    pipeline: Pipeline,
    gatekeeper: Gatekeeper,
    checkup: Checkup,
    shelf: ResponseShelf,
) -> Sequence[Endpoint]:
    service = KeyService(
        parts.store, parts.clock, forget=gatekeeper.forget, master=snapshot.auth.master_key
    )
    hints = hint_reader(snapshot)
    fast = _fast(parts, pipeline) if hints is None else None
    answering = inference.Inference(pipeline, snapshot.server, parts.clock, hints, fast)
    families: list[Endpoint] = [
        *inference.endpoints(answering),
        *listing.endpoints(listing.ModelListing(pipeline, snapshot)),
        *responses.endpoints(responses.ResponseRoutes(answering, shelf)),
        *counting.endpoints(
            counting.CountingRoutes(answering, TokenCounter(pipeline.table, parts.client))
        ),
        *_media(snapshot, parts, pipeline.cached),
        *explain.endpoints(
            explain.ExplainRoute(explainer(snapshot, parts), answering, service, parts.keyring)
        ),
        *models.endpoints(pipeline),
        *budgets.endpoints(budgets.BudgetRoutes(parts.spending.purses, parts.clock)),
        *keys.endpoints(service),
        *teams.endpoints(TeamService(parts.store, parts.clock, forget=gatekeeper.forget)),
        *users.endpoints(UserService(parts.store, parts.clock, forget=gatekeeper.forget), service),
        *directory.endpoints(Directory(parts.store)),
        *nodes.endpoints(NodeService(parts.fleet, parts.client, parts.clock)),
        *health.endpoints(checkup, snapshot.rag.embedding_model),
        *metrics.endpoints(parts.metrics, snapshot.auth, checkup, parts.render),
        *cache.endpoints(
            AnswerKeeper(
                snapshot.cache,
                parts.answers,
                near_answers(snapshot, parts.near, parts.vectors, parts.clock),
            )
        ),
    ]
    if snapshot.rag.enabled and parts.vectors is not None:
        embedder = PipelineEmbedder(pipeline, snapshot.rag.embedding_model, parts.clock)
        families += rag.endpoints(
            DocumentService(parts.vectors, embedder, snapshot.rag, parts.clock, parts.rag_metrics)
        )
    if snapshot.server.docs:
        families += [*openapi.endpoints(families), *docs.endpoints()]
    return families
